"""The rows of what people have answered, and which of them their runs have not taken yet."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dagger_actors.core.awaits import Place
from dagger_actors.flow.machine.answers import Answerer
from dagger_actors.store.reader import Readers

__all__ = ["Answer", "answered_among", "untaken"]


class Answer(msgspec.Struct, frozen=True):
    """One row of ``answers``."""

    run_key: int
    node: int
    item: int
    attempt: int
    value: str
    is_rejected: int
    reason: str
    user: str
    pid: int
    at: int

    @property
    def key(self) -> tuple[int, int, int]:
        """The attempt, within its run."""
        return self.node, self.item, self.attempt

    @property
    def place(self) -> Place:
        """The attempt."""
        return self.run_key, self.node, self.item, self.attempt

    @property
    def source(self) -> str:
        """Who has answered, and when, as JSON."""
        return msgspec.json.encode(Answerer(user=self.user, pid=self.pid, at=self.at)).decode()

    @property
    def in_short(self) -> str:
        """What was answered, for messages."""
        return "a rejection" if self.is_rejected else self.value[:80]


def answered_among(readers: Readers, places: Sequence[Place]) -> list[Answer]:
    """The answers that are there for some of these.

    Raises:
        StoreError: The file cannot be read.
    """
    rows = readers.query("read.answers", msgspec.json.encode(places).decode()) if places else []
    return [Answer(*row) for row in rows]


def untaken(readers: Readers, runs: Sequence[int]) -> list[Answer]:
    """The answers in some runs that these have not taken: few, however many are asked or have answered before.

    Raises:
        StoreError: The file cannot be read.
    """
    rows = readers.query("read.untaken_answers", msgspec.json.encode(runs).decode()) if runs else []
    return [Answer(*row) for row in rows]
