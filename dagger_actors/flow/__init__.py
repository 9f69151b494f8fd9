"""DAG flows: YAML in, a durable run out."""
