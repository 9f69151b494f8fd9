-- parameters: agent. What whoever submits to it must know: capacity, open, overflow, per_key_path.
SELECT capacity, open, overflow, per_key_path FROM task_agents WHERE name = ?
