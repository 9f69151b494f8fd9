-- no parameters. Workers that hold ranges.
SELECT DISTINCT owner FROM group_ranges WHERE owner IS NOT NULL
