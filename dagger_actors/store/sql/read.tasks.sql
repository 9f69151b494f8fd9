-- parameters: ids as a JSON array. What a list shows of each, in the order of ``tasks.rows.summary_of``.
SELECT tasks.task_key, agent, state, is_stuck, tasks.reason, error, priority, tasks.key, job_id, parent_key, attempt,
  tasks.created_at, due_at, started_at, finished_at
FROM json_each(?) AS asked
  CROSS JOIN tasks ON tasks.task_key = asked.value
  LEFT JOIN jobs ON jobs.job_key = tasks.job_key
ORDER BY tasks.task_key DESC
