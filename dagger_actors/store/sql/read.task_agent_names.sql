SELECT json_group_array(name) FROM task_agents
