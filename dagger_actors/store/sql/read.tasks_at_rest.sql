-- parameters: ids as a JSON array. Those of them that have ended, are paused, are stuck or are not there any more, as a JSON array.
SELECT json_group_array(asked.value)
FROM json_each(?) AS asked LEFT JOIN tasks ON task_key = asked.value
WHERE task_key IS NULL OR is_stuck OR state IN ('completed', 'failed', 'cancelled', 'accepted', 'rejected', 'paused')
