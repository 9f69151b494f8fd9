-- parameters: scope, key
DELETE FROM shared_state WHERE scope = ?1 AND key = ?2
