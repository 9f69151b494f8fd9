-- parameters: run_key
SELECT owner, epoch FROM flow_runs WHERE run_key = ?
