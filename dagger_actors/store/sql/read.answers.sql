-- parameters: run_key, node, item and attempt of each as a JSON array. What people have answered there.
SELECT answers.run_key, answers.node, answers.item, answers.attempt, answers.value, rejected, reason, user, pid, answered_at
FROM json_each(?) AS asked
  CROSS JOIN answers
    ON answers.run_key = asked.value ->> 0 AND answers.node = asked.value ->> 1 AND answers.item = asked.value ->> 2
      AND answers.attempt = asked.value ->> 3
