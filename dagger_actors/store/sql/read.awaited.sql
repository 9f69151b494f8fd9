-- parameters: run_key, node, item and attempt of each as a JSON array. One row: a JSON array of these, channel, since, wanted and
--   due_at of each that waits for a message.
SELECT json_group_array(
  json_array(awaits.run_key, awaits.node, awaits.item, awaits.attempt, channel, since, wanted, node_runs.due_at)
)
FROM json_each(?) AS asked
  CROSS JOIN awaits
    ON awaits.run_key = asked.value ->> 0 AND awaits.node = asked.value ->> 1 AND awaits.item = asked.value ->> 2
      AND awaits.attempt = asked.value ->> 3
  CROSS JOIN node_runs USING (run_key, node, item, attempt)
WHERE channel IS NOT NULL AND node_runs.state = 'waiting'
