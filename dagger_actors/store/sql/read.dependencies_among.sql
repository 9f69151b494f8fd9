-- parameters: ids as a JSON array, limit. Which of these tasks waits, or waited, for which of them.
WITH asked AS MATERIALIZED (SELECT value AS id FROM json_each(?))
SELECT task_key, on_key FROM asked CROSS JOIN task_dependencies ON task_key = asked.id
WHERE on_key IN (SELECT id FROM asked) ORDER BY task_key, on_key LIMIT ?
