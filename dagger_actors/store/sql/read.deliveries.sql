-- parameters: cursor_keys, and ranges, each as a JSON array. One row: a JSON array of cursor_key, offset, range, try_no,
--   crash_no and due_at of each.
SELECT json_group_array(json_array(cursor_key, offset, range, try_no, crash_no, due_at))
FROM json_each(?1) AS asked CROSS JOIN deliveries ON cursor_key = asked.value
WHERE range IN (SELECT value FROM json_each(?2))
