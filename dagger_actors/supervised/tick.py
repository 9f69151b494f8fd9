"""A timer's message on its way through a mailbox."""

from __future__ import annotations

__all__ = ["Tick"]


class Tick:
    """A timer's message on its way: stands where a letter's message class stands."""

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
