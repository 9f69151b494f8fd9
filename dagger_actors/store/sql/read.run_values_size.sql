-- parameters: run_key, key. How many keys the run has, and how many bytes the value of this one.
SELECT (SELECT count(*) FROM run_values WHERE run_key = ?1),
  (SELECT octet_length(value) FROM run_values WHERE run_key = ?1 AND key = ?2)
