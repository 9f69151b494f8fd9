-- parameters: group_keys as a JSON array, and how many ranges each has. Those that are there stay.
INSERT OR IGNORE INTO group_ranges (group_key, range)
WITH RECURSIVE numbers (range) AS (SELECT 0 UNION ALL SELECT range + 1 FROM numbers WHERE range + 1 < ?2)
SELECT asked.value, range FROM json_each(?1) AS asked CROSS JOIN numbers
