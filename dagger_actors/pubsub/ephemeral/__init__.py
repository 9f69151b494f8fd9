"""Channels of which nothing is stored."""
