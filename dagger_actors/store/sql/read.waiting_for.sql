-- parameters: a task. Ids, as a JSON array, of all that wait for it.
SELECT json_group_array(task_key) FROM task_dependencies WHERE on_key = ? AND met = 0
