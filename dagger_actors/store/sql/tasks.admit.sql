-- parameters: names of agents as a JSON array. Held tasks for which there is room.
UPDATE tasks SET held = 0
WHERE task_key IN (
  WITH waiting (task_key, agent, limit_key, number) AS (
    SELECT task_key, agent, limit_key,
      row_number() OVER (PARTITION BY agent, limit_key ORDER BY priority DESC, created_at, task_key)
    FROM tasks
    WHERE agent IN (SELECT value FROM json_each(?)) AND limit_key IS NOT NULL AND state IN ('ready', 'running')
      AND due_at IS NULL AND held = 1
  )
  SELECT task_key FROM waiting JOIN task_agents ON name = waiting.agent
  WHERE per_key IS NULL OR number <= per_key - (
    SELECT count(*) FROM tasks
    WHERE tasks.agent = waiting.agent AND tasks.limit_key = waiting.limit_key AND held = 0
      AND state IN ('ready', 'running') AND due_at IS NULL
  )
)
