-- parameters: channel_key, the first offset that is kept, bytes that are gone, the floor
UPDATE channels SET first_offset = ?2, bytes = bytes - ?3, floor = ?4 WHERE channel_key = ?1
