-- rows: run_key, node, item, attempt, value, whether it is a rejection, reason, user, pid, answered_at
-- Only where a person is asked, and nobody has answered.
INSERT INTO answers (run_key, node, item, attempt, value, rejected, reason, user, pid, answered_at)
SELECT awaits.run_key, awaits.node, awaits.item, awaits.attempt, told.value ->> 4, told.value ->> 5, told.value ->> 6,
  told.value ->> 7, told.value ->> 8, told.value ->> 9
FROM jsonb_each(?) AS told
  CROSS JOIN awaits
    ON awaits.run_key = told.value ->> 0 AND awaits.node = told.value ->> 1 AND awaits.item = told.value ->> 2
      AND awaits.attempt = told.value ->> 3
  CROSS JOIN node_runs USING (run_key, node, item, attempt)
WHERE awaits.kind = 'human' AND awaits.answered_at IS NULL AND node_runs.state = 'waiting'
  AND NOT EXISTS (
    SELECT 1 FROM answers AS before
    WHERE before.run_key = awaits.run_key AND before.node = awaits.node AND before.item = awaits.item
      AND before.attempt = awaits.attempt
  )
