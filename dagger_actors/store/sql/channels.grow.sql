-- parameters: for each channel channel_key, messages, their bytes and the floor as a JSON array of rows
UPDATE channels SET next_offset = next_offset + new.count, bytes = channels.bytes + new.bytes, floor = new.floor
FROM (
  SELECT value ->> 0 AS channel_key, value ->> 1 AS count, value ->> 2 AS bytes, value ->> 3 AS floor
  FROM jsonb_each(?)
) AS new
WHERE channels.channel_key = new.channel_key
