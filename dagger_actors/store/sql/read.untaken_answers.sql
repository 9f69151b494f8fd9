-- parameters: run_keys as a JSON array. What people have answered there and the run has not taken.
SELECT answers.run_key, node, item, attempt, answers.value, rejected, reason, user, pid, answered_at
FROM json_each(?) AS run
  CROSS JOIN answers INDEXED BY answers_untaken ON answers.run_key = run.value AND taken = 0
ORDER BY answers.run_key, node, item, attempt
