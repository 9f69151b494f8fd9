-- no parameters. Workers that hold ranges, or have a share of them: of one that is gone, both are taken by TakeRanges.
SELECT owner FROM group_ranges WHERE owner IS NOT NULL UNION SELECT worker FROM group_members
