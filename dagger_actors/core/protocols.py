"""What the layers above need from the world, so that production and simulation can each supply it.

Nothing outside the runtime reads a clock, draws randomness, makes an id or starts a thread: it takes these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import ChannelOperation
from dagger_actors.core.durable import Found
from dagger_actors.core.messages import RunValue, Statement
from dagger_actors.core.run_rows import StartRuns
from dagger_actors.core.task_rows import SharedChange
from dagger_actors.core.tasks import TaskOperation

__all__ = [
    "AgentStates",
    "Cell",
    "Clock",
    "Dispatcher",
    "IdSource",
    "Journal",
    "Now",
    "Owner",
    "Runnable",
    "Slots",
    "Timers",
    "Unit",
    "UserWork",
    "Write",
]


class Now(msgspec.Struct, frozen=True, gc=False):
    """One reading of both clocks.

    Attributes:
        wall_us: Microseconds since 1970-01-01 UTC; may step; for people and for stored due times.
        mono_us: Microseconds on a clock that never steps; for durations and timers.
    """

    wall_us: int
    mono_us: int


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> Now:
        """Read both clocks at once."""
        ...


class Timers(Protocol):
    """Keyed one-shot timers; the same key replaces."""

    def set(self, key: object, mono_us: int, fire: Callable[[], None]) -> None:
        """Call ``fire`` (which must not block) once, at or after ``mono_us`` on the monotonic clock."""
        ...

    def cancel(self, key: object) -> None:
        """Forget the timer of that key; unknown keys are fine."""
        ...


class IdSource(Protocol):
    """Makes ids and the seeds of what is random."""

    def run_id(self) -> str:
        """Make a run id: sortable by time, unique without coordination."""
        ...


class Runnable(Protocol):
    """Something a dispatcher can give a thread to."""

    def run_turn(self) -> bool:
        """Work for a bounded while.

        Returns:
            True when it wants another turn; the dispatcher then puts it behind the others.
        """
        ...


class Dispatcher(Protocol):
    """Gives threads (or turns of an event loop, or seeded turns) to what has something to do."""

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        """Run one turn of it soon; never blocks and never runs it inside this call.

        Args:
            runnable: Not scheduled already.
            here: The calling worker is about to end its own turn: it may take this one next, without waking another.
        """
        ...


Cell = int | float | str | None
"""What a row may hold on its way to the store; bytes travel as hexadecimal text."""


class Write(msgspec.Struct, frozen=True):
    """Rows for one statement of the store.

    Attributes:
        statement: The statement's id, a file name in ``store/sql`` without its ending.
        rows: The parameters of each row, as the statement documents them: a tuple, or a Struct that is ``array_like``.
        expect: Rows the statement must change or return for these; None when any number is right.
    """

    statement: str
    rows: Sequence[tuple[Cell, ...] | msgspec.Struct]
    expect: int | None


class UserWork(msgspec.Struct, frozen=True):
    """What an attempt wants written with its own end; when it cannot be, the unit is rejected with ``WorkRejected``.

    Attributes:
        place: The attempt: run_key, node, item, attempt.
        statements: On users' own tables, in order.
        values: Of the run's namespace, in order.
        now_us: The time for them.
        published: Messages for channels, behind all of it; the answer is an ``Appended`` for each.
        shared: Changes of the shared state, in order.
    """

    place: tuple[int, int, int, int]
    statements: tuple[Statement, ...]
    values: tuple[RunValue, ...]
    now_us: int
    published: tuple[NewMessage, ...] = ()
    shared: tuple[SharedChange, ...] = ()


def never() -> bool:
    """Tell that a unit is always good."""
    return False


def unasked(_answers: Sequence[Any]) -> None:
    """Take the answers of a unit that has asked nothing."""


class Unit(msgspec.Struct, frozen=True):
    """A unit of work: written whole in one transaction, or not at all.

    Attributes:
        writes: At most one for each statement.
        committed: Called on the journal's thread after the commit; must not block.
        rejected: Called instead, with the reason, when nothing of the unit was written; must not block.
        work: What must read before it writes, and users' own part; run behind ``writes``, in order.
        is_void: Asked right before it is written; True = its owner's unit before was rejected, so it is dropped unanswered.
        answered: Handed the answers of ``work``, in order, right before ``committed``; must not block.
    """

    writes: Sequence[Write]
    committed: Callable[[], None]
    rejected: Callable[[Exception], None]
    work: Sequence[UserWork | TaskOperation | ChannelOperation | StartRuns] = ()
    is_void: Callable[[], bool] = never
    answered: Callable[[Sequence[Any]], None] = unasked


class Owner(Protocol):
    """Someone whose units must be written in order; the journal asks when it is ready to write."""

    def take_unit(self) -> Unit | None:
        """Hand over all work decided so far as one unit, or None when there is none."""
        ...


class Journal(Protocol):
    """The one writer of the file."""

    def wake(self, owner: Owner) -> None:
        """Tell that the owner has a unit; it is taken with the next group. Never blocks; idempotent."""
        ...

    def submit(self, unit: Unit) -> None:
        """Hand over a unit that belongs to no owner's order. Never blocks."""
        ...


class AgentStates(Protocol):
    """The states of durable actors, by their names. Nothing here blocks, and each answer is told on another thread."""

    def claim(self, name: str, class_name: str, initial: bytes, told: Callable[[Found | Exception], None]) -> None:
        """Become the owner of a state, which is ``initial`` if there is none; behind what was written before.

        Args:
            name: The actor's.
            class_name: Its class's, for people.
            initial: What a new one begins with.
            told: Called with what is stored, or why it cannot be had: ``StateOwned`` while its owner lives.
        """
        ...

    def put(
        self, name: str, class_name: str, epoch: int, state: bytes, told: Callable[[Exception | None], None]
    ) -> None:
        """Write a state with the next group.

        Args:
            name: The actor's.
            class_name: Its class's, for people.
            epoch: That of the ownership.
            state: Its encoding.
            told: Called after the commit with None, or with why it was refused: ``OwnershipLost`` by the fence.
        """
        ...

    def release(self, name: str, epoch: int) -> None:
        """Own a state no longer; if another process does already, that stays so."""
        ...

    def forget(self, name: str, told: Callable[[bool | Exception], None]) -> None:
        """Delete a state that no live owner has; behind what was written before.

        Args:
            name: The actor's.
            told: Called with whether there was one, or why it was not deleted: ``StateOwned`` while its owner lives.
        """
        ...


class Slots(Protocol):
    """A memory that survives the death of the process: what was started, and how it ended.

    A started attempt that never got here is one that never ran; so recovery can count exactly.
    """

    capacity: int

    def start(self, run_key: int, node: int, item: int, attempt: int, started_us: int) -> int:
        """Record that this attempt has a place and is about to run.

        Returns:
            The slot's index, from 0; -1 when all are taken.
        """
        ...

    def begin(self, slot: int) -> None:
        """Record that its body begins now."""
        ...

    def mark(
        self, slot: int, run_key: int, item: int, attempt: int | None = None, started_us: int | None = None
    ) -> None:
        """Record that its body begins another piece of its work, named so; None = as it was."""
        ...

    def end(self, slot: int, payload: bytes) -> bool:
        """Record the end of an attempt (its encoded completion message).

        Returns:
            False when the payload is larger than a slot; then only the commit makes it safe.
        """
        ...

    def free(self, slot: int) -> None:
        """Forget the slot: what it told is committed."""
        ...
