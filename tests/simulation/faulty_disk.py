"""A disk that refuses: a VFS whose k-th operation fails, and a flow that meets every kind of them.

The flow writes all that a flow can write: rows, a log, a step, a statement of a user's, a retry wait, a map, outputs that
are files. Whatever it has told anybody is remembered, to be held against the file in the end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import apsw

from dagger_actors import ActorSystem, Context, Report, action
from dagger_actors.flow.running.run_events import NodeChanged, RunEvent
from dagger_actors.testing.simulation import Simulation

ERRORS: dict[str, Callable[[], apsw.Error]] = {
    "full": lambda: apsw.FullError("database or disk is full"),
    "i/o": lambda: apsw.IOError("disk I/O error"),
    "read-only": lambda: apsw.ReadOnlyError("attempt to write a readonly database"),
}
FOREVER = 10**9

CASES = [
    (("commit",), 1, "full"),
    (("commit",), FOREVER, "full"),
    (("commit",), 1, "i/o"),
    (("sync",), 2, "i/o"),
    (("read",), 3, "i/o"),
    (("commit",), FOREVER, "read-only"),
    (("read", "commit", "sync", "checkpoint"), FOREVER, "i/o"),
]
"""What a disk refuses, how often, and with which error."""


class Refused(Protocol):
    """What came of a story; ``refused`` counts the operations that its disk refused."""

    refused: int


R = TypeVar("R", bound=Refused)


def everywhere(root: Path, places: range, play: Callable[[Path, int], R]) -> list[R]:
    """Have a disk refuse at these places, until the story ends without meeting one.

    Args:
        root: A folder.
        places: Operations of the disk after which the refusals begin.
        play: Plays the story, in a folder of its own, with a disk that refuses after so many.
    """
    outcomes: list[R] = []
    for after in places:
        folder = root / f"{after}"
        folder.mkdir()
        try:
            outcome = play(folder, after)
        except BaseException as wrong:
            wrong.add_note(f"refused after {after} operations")
            raise
        if not outcome.refused:
            return outcomes
        outcomes.append(outcome)
    raise AssertionError("the story never ends")


class FaultyDisk(apsw.VFS):
    """A VFS, to be used in a ``with`` block; counts operations and refuses those it was told to.

    Operations are ``read``, ``commit`` (a write to the WAL), ``checkpoint`` (a write to the database itself), ``sync``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.refused = 0
        self._kinds: frozenset[str] = frozenset()
        self._from = 0
        self._left = 0
        self._error = ERRORS["i/o"]
        super().__init__(name, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unregister()

    def refuse(self, *kinds: str, after: int, times: int, error: str) -> None:
        """Refuse operations of these kinds: so many, once ``after`` of them have gone through."""
        self._kinds, self._from, self._left, self._error = frozenset(kinds), after, times, ERRORS[error]

    def heal(self) -> None:
        """Refuse nothing any more."""
        self._kinds = frozenset()

    def passes(self, kind: str) -> None:
        self.counts[kind] += 1
        if kind not in self._kinds:
            return
        if self._from:
            self._from -= 1
        elif self._left:
            self._left -= 1
            self.refused += 1
            raise self._error()

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._write = "checkpoint" if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else "commit"
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        self._disk.passes("read")
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.passes(self._write)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name and signature
        self._disk.passes("sync")  # not passed on: nothing here survives by it


LARGE = "x" * 40_000
ITEMS = 3
OUTPUTS = {"last": ITEMS * len(LARGE)}
FLOW: dict[str, Any] = {
    "name": "all",
    "config": {"max_parallel_nodes": 2},
    "inputs": {"items": list(range(ITEMS))},
    "nodes": [
        {"id": "first", "action": "first", "try_count": 2, "retry_strategy": {"linear": {"delay_secs": 1}}},
        {"id": "each", "action": "each", "dependencies": ["first"], "map": {"over": "inputs.items", "item": "item"}},
        {"id": "last", "action": "last", "inputs": {"each": "each"}},
    ],
}
SCHEMA = "CREATE TABLE IF NOT EXISTS paid (node TEXT) STRICT;"

Place = tuple[str, str, int]


class Witness:
    """The actions of the flow, and what was seen of it.

    Attributes:
        ran: Bodies by their attempt.
        told: The ends that observers were told.
        charged: Steps whose function was called.
        kept: Steps that returned.
    """

    def __init__(self) -> None:
        self.ran: Counter[Place] = Counter()
        self.told: dict[Place, str] = {}
        self.charged = 0
        self.kept = 0

    def system(self, sim: Simulation, disk: FaultyDisk, **options: Any) -> ActorSystem:
        """Open a system on the disk; may be refused."""
        schema = sim.path.with_name("schema.sql")
        schema.write_text(SCHEMA)
        return sim.system(
            actions=self._actions(), vfs=disk.name, synchronous="full", observer=self._observe, schema=schema, **options
        )

    def check(self, path: Path, report: Report, logs: Sequence[Any], *, was_let_go: bool = False) -> None:
        """Hold what was seen against what is stored, once the run has succeeded.

        Args:
            path: The database.
            report: The run.
            logs: What its attempts logged.
            was_let_go: The run was lost on the way: of attempts that ended just then the end is known, the log is not.
        """
        assert (report.state, report.error, report.outputs) == ("succeeded", None, OUTPUTS)
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            assert connection.pragma("integrity_check") == "ok"
            rows = {
                tuple(place): state
                for *place, state in connection.execute("SELECT node_id, invocation_key, attempt, state FROM node_runs")
            }
            paid = [node for (node,) in connection.execute("SELECT node FROM paid")]
        finally:
            connection.close()
        lost = {place: (state, rows.get(place)) for place, state in self.told.items() if rows.get(place) != state}
        assert lost == {}, "an end that was told is not in the file"
        assert set(self.ran.values()) == {1}, f"one body an attempt: {self.ran}"
        assert {place for place in self.ran if place not in rows} == set(), "a body ran that no row tells of"
        assert paid == ["first"], "the statement was not executed exactly once"
        assert self.charged >= 1
        wanted = {place for place, state in rows.items() if place[0] == "first" and state != "interrupted"}
        logged = {(log.node_id, log.invocation_key, log.attempt) for log in logs if log.text == "begun\n"}
        assert was_let_go or logged == wanted & set(self.ran), "a log is lost"

    def _observe(self, events: Sequence[RunEvent]) -> None:
        for event in events:
            if isinstance(event, NodeChanged) and event.state in ("succeeded", "failed") and event.attempt:
                self.told[event.node_id, event.invocation_key, event.attempt] = event.state

    def _actions(self) -> list[Callable[..., Any]]:
        def begin(ctx: Context) -> None:
            self.ran[ctx.node_id, ctx.invocation_key, ctx.attempt] += 1

        @action
        def first(ctx: Context) -> str:
            begin(ctx)
            ctx.log("begun")
            charged, kept = self.charged, self.kept
            receipt = ctx.step("charge", self._charge)
            assert not kept or self.charged == charged, "a step that had returned was computed again"
            self.kept += 1
            if ctx.attempt == 1:
                raise ConnectionError("the first time")
            ctx.execute("INSERT INTO paid VALUES (?)", (ctx.node_id,))
            return str(receipt)

        @action
        async def each(ctx: Context, item: int) -> str:
            begin(ctx)
            await asyncio.sleep(0.1 * item)
            return LARGE

        @action
        def last(ctx: Context, each: list[str]) -> int:
            begin(ctx)
            return sum(map(len, each))

        return [first, each, last]

    def _charge(self) -> str:
        self.charged += 1
        return "receipt"
