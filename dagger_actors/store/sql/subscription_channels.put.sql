-- parameters: rows as a JSON array: subscription_key, channel_key, start_offset
INSERT INTO subscription_channels (subscription_key, channel_key, start_offset)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM jsonb_each(?)
