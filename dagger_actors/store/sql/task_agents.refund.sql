-- parameters: ids as a JSON array, of leases that are given back unbegun: they have used nothing of the rate.
UPDATE task_agents
SET tokens = min(burst, tokens + back.count), taken = max(0, taken - back.count)
FROM (SELECT agent, count(*) AS count FROM tasks WHERE task_key IN (SELECT value FROM json_each(?)) GROUP BY agent) AS back
WHERE name = back.agent AND rate IS NOT NULL
