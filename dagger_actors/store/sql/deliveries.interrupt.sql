-- parameters: worker, messages as a JSON array of cursor_key, offset and range, now. Those of ranges that it holds, and that are
--   not done, met its death.
INSERT INTO deliveries (cursor_key, offset, range, try_no, crash_no, updated_at)
SELECT here.cursor_key, value ->> 1, value ->> 2, 1, 1, ?3
FROM jsonb_each(?2) AS begun
  CROSS JOIN subscription_channels AS here ON here.cursor_key = value ->> 0
  CROSS JOIN subscriptions USING (subscription_key)
  CROSS JOIN group_ranges AS lease ON lease.group_key = subscriptions.group_key AND lease.range = value ->> 2
  LEFT JOIN cursors ON cursors.cursor_key = here.cursor_key AND cursors.range = value ->> 2
WHERE lease.owner = ?1 AND value ->> 1 >= coalesce(cursors.floor, start_offset)
  AND NOT EXISTS (
    SELECT 1 FROM json_each(cursors.gaps) AS gap WHERE begun.value ->> 1 BETWEEN gap.value ->> 0 AND gap.value ->> 1
  )
ON CONFLICT DO UPDATE SET crash_no = crash_no + 1, due_at = NULL, updated_at = excluded.updated_at
