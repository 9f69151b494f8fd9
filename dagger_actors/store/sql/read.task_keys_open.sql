-- parameters: ready or running, agent ('' = any), created_at from, text in lower case ('' = any), limit,
-- job_key (0 = any). The newest ids.
-- What is ready can be leased, is leased, waits for its time, or is held: there is an index on each.
SELECT task_key FROM tasks
WHERE task_key IN (
    SELECT task_key FROM tasks WHERE state = 'ready' AND owner IS NULL AND due_at IS NULL AND held = 0 AND ?1 = 'ready'
    UNION ALL SELECT task_key FROM tasks WHERE owner IS NOT NULL
    UNION ALL SELECT task_key FROM tasks WHERE due_at IS NOT NULL AND ?1 = 'ready'
    UNION ALL SELECT task_key FROM tasks
    WHERE limit_key IS NOT NULL AND state IN ('ready', 'running') AND due_at IS NULL AND held = 1 AND ?1 = 'ready'
  )
  AND state = ?1 AND (?6 = 0 OR +job_key = ?6) AND (?2 = '' OR agent = ?2) AND created_at >= ?3
  AND (?4 = '' OR instr(lower(payload), ?4) OR instr(lower(reason), ?4) OR instr(lower(error), ?4)
    OR (SELECT instr(lower(CAST(inline_data AS TEXT)), ?4) FROM artifacts WHERE artifact_id = payload_artifact_id))
ORDER BY task_key DESC LIMIT ?5
