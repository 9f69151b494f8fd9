-- rows: agent, key. Who has them: agent, key, task_key, state.
SELECT json_group_array(json_array(tasks.agent, tasks.key, task_key, state))
FROM jsonb_each(?) AS asked CROSS JOIN tasks ON tasks.agent = asked.value ->> 0 AND tasks.key = asked.value ->> 1
