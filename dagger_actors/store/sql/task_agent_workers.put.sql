-- rows: name, worker
INSERT INTO task_agent_workers (name, worker)
SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true
ON CONFLICT DO NOTHING
