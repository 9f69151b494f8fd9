-- parameters: limit
SELECT f.run_id, f.flow_name, f.status, f.error, f.created_at, f.started_at, f.finished_at, f.elapsed_us, f.owner, w.pid
FROM flow_runs AS f LEFT JOIN workers AS w ON w.worker_id = f.owner
ORDER BY f.created_at DESC, f.run_key DESC LIMIT ?
