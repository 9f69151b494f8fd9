-- rows: run_key, node, item, attempt. Their runs have taken the answers of people there, if that is what came.
UPDATE answers SET taken = 1
FROM jsonb_each(?) AS told
WHERE answers.run_key = told.value ->> 0 AND answers.node = told.value ->> 1 AND answers.item = told.value ->> 2
  AND answers.attempt = told.value ->> 3
