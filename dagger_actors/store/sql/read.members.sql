-- no parameters. For people: group, worker, its process, member, when it joined and how many ranges it holds.
SELECT subscription_groups.name, worker, pid, group_members.member, joined_at, (
  SELECT count(*) FROM group_ranges
  WHERE group_ranges.group_key = group_members.group_key AND owner = worker AND group_ranges.member = group_members.member
)
FROM group_members JOIN subscription_groups USING (group_key) JOIN workers ON worker_id = worker
ORDER BY subscription_groups.name, joined_at
