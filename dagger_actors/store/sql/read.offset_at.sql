-- parameters: channel_key, since, wall microseconds. The first message that was published then or later, or the channel's end: in
--   as many steps as its length has binary digits. Times are those of whoever published: of clocks that step it is one of the
--   places where they pass that time.
WITH RECURSIVE search (low, high) AS (
  SELECT first_offset, next_offset FROM channels WHERE channel_key = ?1
  UNION ALL
  SELECT iif(published_at >= ?2, low, offset + 1), iif(published_at >= ?2, offset, high)
  FROM search CROSS JOIN messages ON channel_key = ?1 AND offset = (low + high) / 2
  WHERE low < high
)
SELECT max(low) FROM search
