-- Workers that hold leases.
SELECT DISTINCT owner FROM tasks WHERE owner IS NOT NULL
