-- rows: cursor_key, range, group_key, owner, member, epoch, floor, gaps
-- The fence: of a range whose lease was lost no row changes, so its unit is refused.
INSERT INTO cursors (cursor_key, range, floor, gaps)
SELECT value ->> 0, value ->> 1, value ->> 6, value ->> 7
FROM jsonb_each(?) AS new CROSS JOIN group_ranges AS lease ON lease.group_key = value ->> 2 AND lease.range = value ->> 1
WHERE lease.owner = value ->> 3 AND lease.member = value ->> 4 AND lease.epoch = value ->> 5
ON CONFLICT DO UPDATE SET floor = excluded.floor, gaps = excluded.gaps
