-- All agents by name: tasks that have not ended, and those of them that somebody has leased.
WITH leased AS (SELECT agent, count(*) AS number FROM tasks WHERE owner IS NOT NULL GROUP BY agent)
SELECT name, open, coalesce(number, 0) FROM task_agents LEFT JOIN leased ON agent = name ORDER BY name
