-- parameters: channel_key, first offset, messages at most, bytes of payloads at most (at least one is given). One row: a JSON
--   array of offset, type, payload, published_at, key, headers, source, source_key, target of each, ascending. That there are
--   fewer than were asked for does not mean that there are no more; that there are none does.
-- The sums of a window cost twice as much as all the rest, so they are made only where there is too much.
SELECT json_group_array(json_array(offset, type, payload, published_at, key, headers, source, source_key, target))
FROM (
  SELECT * FROM messages WHERE channel_key = ?1 AND offset >= ?2 ORDER BY offset
  LIMIT iif(
    (
      SELECT total(octet_length(payload))
      FROM (SELECT payload FROM messages WHERE channel_key = ?1 AND offset >= ?2 ORDER BY offset LIMIT ?3)
    ) <= ?4,
    ?3,
    (
      SELECT count(*)
      FROM (
        SELECT sum(octet_length(payload)) OVER (ORDER BY offset ROWS UNBOUNDED PRECEDING) - octet_length(payload) AS before
        FROM (SELECT offset, payload FROM messages WHERE channel_key = ?1 AND offset >= ?2 ORDER BY offset LIMIT ?3)
      )
      WHERE before < ?4
    )
  )
)
