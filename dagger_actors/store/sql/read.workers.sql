-- All workers that registered and did not leave in order.
SELECT worker_id, pid, beat, slot_file FROM workers ORDER BY worker_id
