-- rows: task_key, on_key, kind, met. Of two kinds on one task the stronger stays, and what has not ended is met by neither.
INSERT INTO task_dependencies (task_key, on_key, kind, met)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE
SET kind = iif(kind = 'success', kind, excluded.kind),
  met = iif(kind = excluded.kind OR excluded.kind = 'success', excluded.met, min(met, excluded.met))
