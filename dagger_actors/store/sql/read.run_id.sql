-- parameters: run_key
SELECT run_id FROM flow_runs WHERE run_key = ?
