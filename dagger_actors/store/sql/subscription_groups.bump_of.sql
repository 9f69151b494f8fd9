-- parameters: worker. The members of its groups look again.
UPDATE subscription_groups SET version = version + 1
WHERE group_key IN (
  SELECT group_key FROM group_ranges WHERE owner = ?1 UNION SELECT group_key FROM group_members WHERE worker = ?1
)
