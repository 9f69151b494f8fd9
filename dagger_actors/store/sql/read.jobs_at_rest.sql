-- parameters: keys as a JSON array. Those of them in which nothing moves by itself, or which are not there, as a JSON array.
SELECT json_group_array(asked.value)
FROM json_each(?) AS asked LEFT JOIN job_states ON job_key = asked.value
WHERE state IS NOT 'running'
