-- parameters: agent. What whoever submits to it must know: capacity, open, overflow, per_key_path,
-- payload_schema.
SELECT capacity, open, overflow, per_key_path, payload_schema FROM task_agents WHERE name = ?
