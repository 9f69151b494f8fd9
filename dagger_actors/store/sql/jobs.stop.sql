-- parameters: job_key, cancelled_at, stopped_at, reason. The first ones stay.
UPDATE jobs
SET cancelled_at = coalesce(cancelled_at, ?2), stopped_at = coalesce(stopped_at, ?3), reason = coalesce(reason, ?4)
WHERE job_key = ?1
