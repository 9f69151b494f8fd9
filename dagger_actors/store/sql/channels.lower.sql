-- parameters: rows as a JSON array: channel_key, an offset that some subscription is back at
UPDATE channels SET floor = min(channels.floor, new.floor)
FROM (SELECT value ->> 0 AS channel_key, value ->> 1 AS floor FROM jsonb_each(?)) AS new
WHERE channels.channel_key = new.channel_key
