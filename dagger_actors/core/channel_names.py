"""Names of channels, and patterns that stand for many of them.

A name is parts with dots between them: ``raw``, ``raw.news``, ``orders.eu.paid``. In a pattern, ``*`` stands for any text
without a dot, the empty one too: ``raw.*`` is ``raw.news``, and neither ``raw`` nor ``raw.news.old``.
"""

from __future__ import annotations

import functools
import re
from typing import Final

__all__ = ["LONGEST_NAME", "NAME_ADVICE", "is_name", "is_pattern", "matches", "meet"]

LONGEST_NAME: Final = 200
"""Characters of a channel's name."""

NAME_ADVICE: Final = "write letters, digits, _ and -, with dots between the parts: orders.paid"

_NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
_PATTERN = re.compile(r"[\w*-]+(\.[\w*-]+)*")


def is_name(text: object) -> bool:
    """Tell whether something may be a channel's name."""
    return isinstance(text, str) and len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None


def is_pattern(text: object) -> bool:
    """Tell whether something is a pattern that is no name: with a ``*``."""
    return isinstance(text, str) and "*" in text and len(text) <= LONGEST_NAME and _PATTERN.fullmatch(text) is not None


def matches(pattern: str, name: str) -> bool:
    """Tell whether a name, or a pattern that is the same, is one of those that a pattern (or a name) stands for."""
    return pattern == name or ("*" in pattern and _compiled(pattern).fullmatch(name) is not None)


def meet(one: str, other: str) -> bool:
    """Tell whether there may be a channel that both stand for; either may be a name or a pattern."""
    if "*" not in other:
        return matches(one, other)
    if "*" not in one:
        return matches(other, one)
    parts, others = one.split("."), other.split(".")
    return len(parts) == len(others) and all(map(_parts_meet, parts, others))


@functools.lru_cache(maxsize=10_000)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("[^.]*".join(map(re.escape, pattern.split("*"))))


def _parts_meet(one: str, other: str) -> bool:
    """Two texts, of which each ``*`` may be anything: their ends must agree up to the first ``*`` of either."""
    if "*" not in one or "*" not in other:
        return matches(one, other) or matches(other, one)
    heads, tails = (one.partition("*")[0], other.partition("*")[0]), (one.rpartition("*")[2], other.rpartition("*")[2])
    return _agree(*heads) and _agree(tails[0][::-1], tails[1][::-1])


def _agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
