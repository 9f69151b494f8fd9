-- parameters: state ('' = any), agent ('' = any), created_at from, text in lower case ('' = any), limit,
-- job_key. The newest ids.
SELECT task_key FROM tasks
WHERE job_key = ?6 AND (?1 = '' OR state = ?1) AND (?2 = '' OR agent = ?2) AND created_at >= ?3
  AND (?4 = '' OR instr(lower(payload), ?4) OR instr(lower(reason), ?4) OR instr(lower(error), ?4)
    OR (SELECT instr(lower(CAST(inline_data AS TEXT)), ?4) FROM artifacts WHERE artifact_id = payload_artifact_id))
ORDER BY task_key DESC LIMIT ?5
