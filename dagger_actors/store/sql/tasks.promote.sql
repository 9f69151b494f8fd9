-- parameters: now, how many at most. What waited for its time: a delay, a retry, a snooze.
UPDATE tasks
SET due_at = NULL, version = version + 1, updated_at = ?1,
  state = iif(state = 'pending',
    iif(EXISTS (SELECT 1 FROM task_dependencies WHERE task_dependencies.task_key = tasks.task_key AND met = 0),
      'blocked', 'ready'),
    state)
WHERE task_key IN (SELECT task_key FROM tasks WHERE due_at IS NOT NULL AND due_at <= ?1 ORDER BY due_at LIMIT ?2)
