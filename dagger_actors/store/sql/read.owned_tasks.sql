-- parameters: worker_id. The leases of a worker, as one JSON array of [task_key, epoch].
SELECT json_group_array(json_array(task_key, epoch)) FROM tasks WHERE owner = ?
