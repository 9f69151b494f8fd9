"""From a YAML file, or data, to a flow definition: every mistake at once, each with its place; nothing is run."""
