-- parameters: cursor_keys, and ranges, each as a JSON array. One row: a JSON array of cursor_key, start_offset and those of
--   the ranges that have begun of each cursor: range, floor, gaps.
SELECT json_group_array(json_array(cursor_key, start_offset, json((
  SELECT json_group_array(json_array(range, floor, json(gaps)))
  FROM json_each(?2) AS wanted
    CROSS JOIN cursors ON cursors.cursor_key = subscription_channels.cursor_key AND cursors.range = wanted.value
))))
FROM json_each(?1) AS asked CROSS JOIN subscription_channels ON cursor_key = asked.value
