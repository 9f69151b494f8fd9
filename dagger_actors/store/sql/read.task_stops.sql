-- parameters: worker_id
SELECT task_key, epoch FROM task_stops WHERE worker = ?
