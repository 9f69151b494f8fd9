-- rows: run_key. A run that has come to rest obeys nobody; a command left over would hit whoever tries it again.
DELETE FROM commands WHERE run_key IN (SELECT value ->> 0 FROM jsonb_each(?))
