-- parameters: worker, names of agents as a JSON array. Ids as a JSON array.
SELECT json_group_array(task_key) FROM tasks WHERE owner = ?1 AND +agent IN (SELECT value FROM json_each(?2))
