-- parameters: a time. When the next run of a flow inside another that rests because people are asked is to be looked at, after it.
SELECT min(asks_until) FROM flow_runs WHERE asks_until > ? AND parent_run IS NOT NULL
