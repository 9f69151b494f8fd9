-- parameters: a part of a channel's capacity, in percent. Names of those that seem to be as full as that, as a JSON array; private ones are
-- never.
SELECT json_group_array(name) FROM channels WHERE (next_offset - floor + delayed) * 100 >= capacity * ?
