-- parameters: channel_key, first offset, messages at most, bytes of payloads at most (at least one is given). Offset, type,
--   payload, published_at, message_id, key, headers, source, source_key of each, ascending.
SELECT offset, type, payload, published_at, message_id, key, headers, source, source_key
FROM (
  SELECT *, sum(octet_length(payload)) OVER (ORDER BY offset ROWS UNBOUNDED PRECEDING) - octet_length(payload) AS before
  FROM (SELECT * FROM messages WHERE channel_key = ?1 AND offset >= ?2 ORDER BY offset LIMIT ?3)
)
WHERE before < ?4
ORDER BY offset
