"""What a node awaits from outside its run: something that no code of the run computes, and that may take months.

While it is awaited the attempt is a row in the state ``waiting`` whose reason is the kind of what it awaits, and a row of
``awaits`` says what exactly. It holds no place, no thread and no actor. Whoever knows of such things (the bridge to the
channels, for messages; who reads the answers of people) tells the run's supervisor ``Answered``, once; everything it needs
for that is in the file, so after a death it is looked for again from where the row says.

People may take months, so a run in which nobody but they are awaited comes to rest, and nothing of it is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, Protocol

import msgspec

from dagger_actors.core.run_rows import ChildRun

__all__ = ["KINDS", "Kind", "Outside", "Place", "Wanted"]

Kind = Literal["message", "human", "flow"]

KINDS: Final[frozenset[str]] = frozenset({"message", "human", "flow"})
"""The reasons of rows in the state ``waiting`` that await something outside; other reasons are retries and parked work."""

Place = tuple[int, int, int, int]
"""An attempt: run_key, node, item, attempt."""


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """What exactly is awaited.

    Attributes:
        kind: What kind of thing.
        json: What it must be like, as JSON; whoever answers reads it. Of a message: its ``match``, values by field paths; of
            a person's answer: its ``type``.
        channel: Of a message: whose; empty = of none.
        is_earliest: Of a message: whether those count too that were there before.
        child: Of a flow: the run of it, to be written with the wait.
    """

    kind: Kind
    json: str = "{}"
    channel: str = ""
    is_earliest: bool = False
    child: ChildRun | None = None


class Outside(Protocol):
    """Brings what attempts await; nothing here blocks, and any thread may call it."""

    def begin(self, places: Sequence[Place], tell: Callable[[bytes], None]) -> None:
        """Look for what attempts await, as their rows of ``awaits`` say; they are in the file.

        Args:
            places: The attempts of a run; one that is awaited already is looked for anew, and ``tell`` takes the place of the
                other.
            tell: Called once for each, with an encoded ``Answered``.
        """
        ...

    def last_look(self, place: Place) -> None:
        """The time of an attempt is up: ``Answered`` is told if what it awaits came in time, else ``Overdue``; once."""
        ...

    def forget(self, run_key: int) -> None:
        """A run has come to rest, or is no longer ours: nothing of it is told any more."""
        ...
