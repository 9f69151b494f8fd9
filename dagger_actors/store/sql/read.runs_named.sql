-- parameters: a list of run ids. Answers, of those that there are: run_id, definition_id, inputs, and whether it is inside another.
SELECT json_group_array(json_array(run_id, definition_id, inputs, parent_run IS NOT NULL)) FROM flow_runs
WHERE run_id IN (SELECT value FROM json_each(?))
