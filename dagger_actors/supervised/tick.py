"""What lies in a mailbox in the place of a message's class when it counts only as long as something else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagger_actors.supervised.lifecycle import Lifecycle

__all__ = ["Notice", "Tick"]


class Tick:
    """The message of a timer; counts while the timer of that key has that number."""

    __slots__ = ("due_us", "interval_us", "key", "kind", "number")

    def __init__(self, key: object, number: int, kind: type, due_us: int, interval_us: int | None) -> None:
        self.key = key
        self.number = number
        self.kind = kind
        self.due_us = due_us
        self.interval_us = interval_us

    @property
    def __name__(self) -> str:  # as a class has one
        return self.kind.__name__


class Notice:
    """The message that a watched actor has stopped; counts while the watch has that number."""

    __slots__ = ("kind", "number", "watched")

    def __init__(self, watched: Lifecycle, number: int, kind: type) -> None:
        self.watched = watched
        self.number = number
        self.kind = kind

    @property
    def __name__(self) -> str:  # as a class has one
        return self.kind.__name__
