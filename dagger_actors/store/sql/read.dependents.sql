-- parameters: ids as a JSON array. Ids, as a JSON array, of blocked tasks that wait for one of them.
SELECT json_group_array(DISTINCT waiting.task_key)
FROM json_each(?) AS asked
  CROSS JOIN task_dependencies ON on_key = asked.value AND met = 0
  CROSS JOIN tasks AS waiting ON waiting.task_key = task_dependencies.task_key
WHERE waiting.state = 'blocked'
