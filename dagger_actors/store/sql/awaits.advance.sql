-- rows: run_key, node, item, attempt, an offset: below it no message is what is awaited
UPDATE awaits SET since = max(since, told.value ->> 4)
FROM jsonb_each(?) AS told
WHERE awaits.run_key = told.value ->> 0 AND awaits.node = told.value ->> 1 AND awaits.item = told.value ->> 2
  AND awaits.attempt = told.value ->> 3
