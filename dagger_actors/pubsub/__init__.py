"""Pub/sub: agents that talk through channels, wired by declaration."""
