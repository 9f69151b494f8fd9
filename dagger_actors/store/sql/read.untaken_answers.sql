-- parameters: run_keys as a JSON array. What people have answered there and the run has not taken, and still may: where it was
--   cancelled before it could, a retry asks anew.
SELECT answers.run_key, node, item, attempt, answers.value, rejected, answers.reason, user, pid, answered_at
FROM json_each(?) AS run
  CROSS JOIN answers INDEXED BY answers_untaken ON answers.run_key = run.value AND taken = 0
  CROSS JOIN node_runs USING (run_key, node, item, attempt)
WHERE node_runs.state = 'waiting'
ORDER BY answers.run_key, node, item, attempt
