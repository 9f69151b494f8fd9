-- rows: run_key, node, item, attempt, now. The autopilot answers, where nobody has.
UPDATE awaits SET answered_at = told.value ->> 4, source = '{"by":"autopilot"}'
FROM jsonb_each(?) AS told
WHERE awaits.run_key = told.value ->> 0 AND awaits.node = told.value ->> 1 AND awaits.item = told.value ->> 2
  AND awaits.attempt = told.value ->> 3
  AND NOT EXISTS (
    SELECT 1 FROM answers
    WHERE answers.run_key = awaits.run_key AND answers.node = awaits.node AND answers.item = awaits.item
      AND answers.attempt = awaits.attempt
  )
