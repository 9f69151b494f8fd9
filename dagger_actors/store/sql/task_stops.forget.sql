-- parameters: a worker that is gone
DELETE FROM task_stops WHERE worker = ?
