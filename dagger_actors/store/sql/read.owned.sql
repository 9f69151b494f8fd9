-- parameters: worker_id. How many runs a worker still owns.
SELECT count(*) FROM flow_runs WHERE owner = ?
