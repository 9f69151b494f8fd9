-- parameters: run_id
SELECT run_key, last_seq, status FROM flow_runs WHERE run_id = ?
