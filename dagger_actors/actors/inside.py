"""Whether this thread runs an actor's turn, in which it must not wait for an answer: the pool may have no other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["inside", "is_inside_turn", "outside_turn"]


class _Inside(threading.local):
    """Which mailbox this thread runs a turn of; None outside of handlers."""

    turn: object | None = None


inside = _Inside()
"""Set by a mailbox around a turn, so that a blocking ask inside it is seen and refused."""


def is_inside_turn() -> bool:
    """Tell whether this thread runs a turn: what needs a thread of its pool may need this one."""
    return inside.turn is not None


@contextmanager
def outside_turn() -> Iterator[None]:
    """Let this thread wait though it is in a turn: a body holds its thread as long as it likes."""
    turn, inside.turn = inside.turn, None
    try:
        yield
    finally:
        inside.turn = turn
