-- parameters: the worker that is gone, [id, epoch] each as a JSON array, names of agents as a JSON array. Ids, as a JSON array, of
-- those that it still leases.
SELECT json_group_array(task_key)
FROM json_each(?2) AS ended CROSS JOIN tasks ON task_key = ended.value ->> 0 AND epoch = ended.value ->> 1
WHERE owner = ?1 AND agent IN (SELECT value FROM json_each(?3))
