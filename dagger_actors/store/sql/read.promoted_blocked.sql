-- parameters: now, how many at most. Ids, as a JSON array, of what `tasks.promote` will make blocked.
SELECT json_group_array(task_key)
FROM (SELECT task_key, state FROM tasks WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at LIMIT ?2)
WHERE state = 'pending'
