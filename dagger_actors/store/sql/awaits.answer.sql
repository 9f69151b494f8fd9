-- rows: run_key, node, item, attempt, answered_at, source
UPDATE awaits SET answered_at = told.value ->> 4, source = told.value ->> 5
FROM jsonb_each(?) AS told
WHERE awaits.run_key = told.value ->> 0 AND awaits.node = told.value ->> 1 AND awaits.item = told.value ->> 2
  AND awaits.attempt = told.value ->> 3
