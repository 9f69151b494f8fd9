SELECT name, worker FROM task_agent_workers
