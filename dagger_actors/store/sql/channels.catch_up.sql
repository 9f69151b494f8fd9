-- parameters: channel_keys as a JSON array, each of a channel with messages behind its end: that is where it ends now.
UPDATE channels
SET bytes = bytes + (
    SELECT sum(octet_length(payload)) FROM messages
    WHERE messages.channel_key = channels.channel_key AND offset >= next_offset
  ),
  next_offset = (SELECT max(offset) + 1 FROM messages WHERE messages.channel_key = channels.channel_key)
WHERE channel_key IN (SELECT value FROM json_each(?))
