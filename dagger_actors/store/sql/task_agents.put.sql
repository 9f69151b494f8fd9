-- rows: name, place, payload_schema, result_schema, capacity, per_key, rate, burst, updated_at, overflow, per_key_path
INSERT INTO task_agents (name, place, payload_schema, result_schema, capacity, per_key, rate, burst, tokens, updated_at,
  overflow, per_key_path)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 7,
  value ->> 8, coalesce(value ->> 9, 'block'), value ->> 10
FROM json_each(?)
WHERE true
ON CONFLICT DO UPDATE
SET place = excluded.place, payload_schema = excluded.payload_schema, result_schema = excluded.result_schema,
  capacity = excluded.capacity, per_key = excluded.per_key, rate = excluded.rate, burst = excluded.burst,
  updated_at = excluded.updated_at, overflow = excluded.overflow, per_key_path = excluded.per_key_path
