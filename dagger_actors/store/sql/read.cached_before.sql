-- parameters: flow_name, node_id, invocation_key. The parts of the key under which this was computed last.
SELECT parts, run_id FROM cache_entries
WHERE flow_name = ? AND node_id = ? AND invocation_key = ?
ORDER BY created_at DESC, run_key DESC, attempt DESC LIMIT 1
