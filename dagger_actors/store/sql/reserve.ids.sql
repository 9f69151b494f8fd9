-- parameters: count, name. Reserves a range; answers its first id.
UPDATE id_ranges SET next = next + ?1 WHERE name = ?2 RETURNING next - ?1
