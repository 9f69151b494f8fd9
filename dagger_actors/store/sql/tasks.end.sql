-- rows: task_key, owner, epoch, state, attempt, try_no, crash_no, result, result_artifact_id, error, reason, due_at,
--   started_at, finished_at, updated_at
-- The fence: whoever lost the lease changes no row, so its unit is refused.
UPDATE tasks NOT INDEXED
SET state = new.state, attempt = new.attempt, try_no = new.try_no, crash_no = new.crash_no, result = new.result,
  result_artifact_id = new.result_artifact_id, error = new.error, reason = new.reason, due_at = new.due_at,
  started_at = new.started_at, finished_at = new.finished_at, updated_at = new.updated_at, owner = NULL,
  held = limit_key IS NOT NULL, version = version + 1
FROM (
  SELECT value ->> 0 AS task_key, value ->> 1 AS owner, value ->> 2 AS epoch, value ->> 3 AS state, value ->> 4 AS attempt,
    value ->> 5 AS try_no, value ->> 6 AS crash_no, value ->> 7 AS result, value ->> 8 AS result_artifact_id,
    value ->> 9 AS error, value ->> 10 AS reason, value ->> 11 AS due_at, value ->> 12 AS started_at,
    value ->> 13 AS finished_at, value ->> 14 AS updated_at
  FROM jsonb_each(?)
) AS new
WHERE tasks.task_key = new.task_key AND tasks.owner = new.owner AND tasks.epoch = new.epoch
