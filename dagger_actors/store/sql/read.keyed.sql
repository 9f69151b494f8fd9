-- rows: agent, key. Who has them: agent, key, task_key, state. What is leased counts as running: most bodies run before that is written.
SELECT json_group_array(json_array(tasks.agent, tasks.key, task_key, iif(owner IS NOT NULL, 'running', state)))
FROM jsonb_each(?) AS asked CROSS JOIN tasks ON tasks.agent = asked.value ->> 0 AND tasks.key = asked.value ->> 1
