-- parameters: ids as a JSON array. Of each one that there is: id, agent, state, result, result_artifact_id, that artifact's kind,
-- error, reason.
SELECT json_group_array(json_array(task_key, agent, state, result, result_artifact_id, kind, error, reason))
FROM json_each(?) AS asked
  CROSS JOIN tasks ON task_key = asked.value
  LEFT JOIN artifacts ON artifact_id = result_artifact_id
