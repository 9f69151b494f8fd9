-- parameters: scope. How many keys it has.
SELECT coalesce((SELECT keys FROM shared_scopes WHERE scope = ?), 0)
