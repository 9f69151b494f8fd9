-- parameters: names of agents as a JSON array. Workers that hold leases of their tasks.
SELECT DISTINCT owner FROM tasks WHERE owner IS NOT NULL AND +agent IN (SELECT value FROM json_each(?))
