-- parameters: worker. Ids as a JSON array.
SELECT json_group_array(task_key) FROM tasks WHERE owner = ?
