-- parameters: a state of those that few tasks are in, or stuck; agent ('' = any), created_at from, text in lower case
-- ('' = any), limit, job_key (0 = any). The newest ids. (That the states are listed lets SQLite take the index on them.)
SELECT task_key FROM tasks
WHERE state IN ('pending', 'blocked', 'paused', 'failed', 'cancelled', 'accepted', 'rejected')
  AND state = iif(?1 = 'stuck', 'blocked', ?1) AND (?1 <> 'stuck' OR is_stuck)
  AND (?6 = 0 OR +job_key = ?6) AND (?2 = '' OR agent = ?2) AND created_at >= ?3
  AND (?4 = '' OR instr(lower(payload), ?4) OR instr(lower(reason), ?4) OR instr(lower(error), ?4)
    OR (SELECT instr(lower(CAST(inline_data AS TEXT)), ?4) FROM artifacts WHERE artifact_id = payload_artifact_id))
ORDER BY task_key DESC LIMIT ?5
