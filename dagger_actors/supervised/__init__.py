"""Supervised actor systems: trees of agents declared in files."""
