-- parameters: channel_key, first offset, published_at; messages as a JSON array, each: type, payload, key, headers, source,
--   source_key, message_id, target; those at its end that are null may be left out
INSERT INTO messages (channel_key, offset, published_at, type, payload, key, headers, source, source_key, message_id, target)
SELECT ?1, ?2 + key, ?3, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
FROM jsonb_each(?4)
