-- parameters: run_key. When a run that rests because people are asked is to be looked at; NULL = it does not rest for that.
SELECT asks_until FROM flow_runs WHERE run_key = ?
