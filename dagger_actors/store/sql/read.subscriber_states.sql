-- parameters: group_key, keys as a JSON array. One row: a JSON array of key and state (in hexadecimal) of those that are there.
SELECT json_group_array(json_array(subscriber_states.key, hex(state)))
FROM json_each(?2) AS asked CROSS JOIN subscriber_states ON group_key = ?1 AND subscriber_states.key = asked.value
