-- rows: task_key, on_key, kind, met, place. Of two kinds on one task the stronger stays, and what has not ended is met by neither.
INSERT INTO task_dependencies (task_key, on_key, kind, met, place)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
FROM jsonb_each(?)
WHERE true
ON CONFLICT DO UPDATE
SET kind = iif(kind = 'success', kind, excluded.kind),
  met = iif(kind = excluded.kind OR excluded.kind = 'success', excluded.met, min(met, excluded.met))
