-- parameters: channel_key, the floor, messages at most, delete what was published before, delete what is below, bytes that are
--   to be freed. Where the messages begin that stay, and how many bytes are freed.
WITH oldest AS (
  SELECT offset, published_at, octet_length(payload) AS bytes,
    sum(octet_length(payload)) OVER (ORDER BY offset ROWS UNBOUNDED PRECEDING) AS freed
  FROM (SELECT * FROM messages WHERE channel_key = ?1 AND offset < ?2 ORDER BY offset LIMIT ?3)
)
SELECT cut, (SELECT sum(bytes) FROM oldest WHERE offset < cut)
FROM (
  SELECT coalesce(
    min(offset) FILTER (WHERE NOT (published_at < ?4 OR offset < ?5 OR freed - bytes < ?6)), max(offset) + 1
  ) AS cut
  FROM oldest
)
