-- parameters: worker. What it held is nobody's, and nobody else's writes are those of its leases.
UPDATE group_ranges SET owner = NULL, member = NULL, epoch = epoch + 1 WHERE owner = ?
