-- parameters: worker_id. How many runs, tasks and ranges of groups a worker still owns.
SELECT (SELECT count(*) FROM flow_runs WHERE owner = ?1) + (SELECT count(*) FROM tasks WHERE owner = ?1)
  + (SELECT count(*) FROM group_ranges WHERE owner = ?1)
