-- All agents that the database knows, in the order of ``tasks.report.AgentSummary``, workers apart.
SELECT name, place, open, capacity, overflow, per_key, rate, burst, payload_schema, result_schema
FROM task_agents ORDER BY name
