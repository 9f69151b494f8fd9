-- parameters: ids as a JSON array, now
UPDATE dead_letters SET redriven_at = ?2 WHERE dead_letter_id IN (SELECT value FROM json_each(?1))
