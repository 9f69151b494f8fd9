"""Words that errors share with all other messages, which take them from ``core.wording``."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Say how many, with the noun in its number: ``1 node``, ``2,000 nodes``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
