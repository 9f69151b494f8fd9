-- parameters: keys as a JSON array. Those of them that have ended, or are not there, as a JSON array.
SELECT json_group_array(asked.value)
FROM json_each(?) AS asked LEFT JOIN job_states ON job_key = asked.value
WHERE state IS NULL OR state NOT IN ('running', 'paused')
