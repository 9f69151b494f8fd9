-- rows: run_key, node, body. Every node of a run has one position: a second one of it is refused with its unit.
INSERT INTO added_nodes (run_key, node, body)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?)
