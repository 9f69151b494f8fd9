"""One run as a deterministic machine: events in, rows and effects out; no clock, thread, disk or log."""
