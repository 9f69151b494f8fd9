-- rows: run_key, node, item, attempt, kind, wanted, channel (empty = none), whether it begins with the earliest message
-- It begins where the channel ends at this commit; but where an attempt before it began, which did not get what it awaited: what
-- came too late for that one, or while the run stood still, is taken.
INSERT INTO awaits (run_key, node, item, attempt, kind, wanted, channel, since)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, nullif(value ->> 6, ''),
  iif(
    value ->> 6 = '', NULL,
    coalesce(
      (
        SELECT max(before.since) FROM awaits AS before
        WHERE before.run_key = value ->> 0 AND before.node = value ->> 1 AND before.item = value ->> 2
      ),
      (SELECT iif(value ->> 7, first_offset, next_offset) FROM channels WHERE name = value ->> 6),
      0
    )
  )
FROM jsonb_each(?)
