"""The pure core: ids, wire messages, the dependency graph, retry policies, the protocols; no clock, thread or disk."""
