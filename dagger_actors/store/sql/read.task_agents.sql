-- parameters: names as a JSON array
SELECT json_group_array(json_array(name, open, capacity, rate, burst, tokens, refilled_at, taken))
FROM task_agents
WHERE name IN (SELECT value FROM json_each(?))
