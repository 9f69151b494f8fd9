"""A scripted session whose every promise is marked in the log of the disk, and the check of what a power cut left of it.

The session has two workers and then a third: run ``a`` with retries, a map and a node that pauses it until it is
resumed; ``b`` cancelled where it runs; ``c`` cancelled from another worker; ``d`` that fails and is tried again.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import apsw
import msgspec

from dagger_actors import ActorSystem, Context, action
from dagger_actors.core.states import FINAL_NODE, FINAL_RUN
from dagger_actors.flow.artifacts import RunArtifacts
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.report import RunRow, StoredArtifact, StoredRow, build_report
from dagger_actors.flow.run_events import NodeChanged, RunChanged, RunEvent
from dagger_actors.store.connection import checkpoint, open_writer
from dagger_actors.store.slots import CAPACITY, HEAD_BYTES, RECORD_BYTES, slot_folder
from dagger_actors.store.statements import sql
from dagger_actors.testing.power import Acknowledged, CrashState, PowerVFS
from dagger_actors.testing.simulation import Simulation, simulate

SLOTS_KEPT = 24
"""More records of a slot file than the session ever has in use."""

Subject = tuple[str, ...]
"""A run, by its id; or an attempt: run id, node id, invocation key, number."""

PADDING = "x" * 2000
"""Makes an output too long for its row, so that it is an artifact."""

ITEMS = [1, 2, 3, 4]
OUTPUTS = {"a": {"total": 13, "parts": [{"half": 0.5 * item, "padding": PADDING} for item in ITEMS]}, "d": {"once": 7}}


class Mark(msgspec.Struct, frozen=True):
    """Something the outside could see.

    Attributes:
        subject: Of what.
        state: Its state; None = only that its row is there, because its body has begun.
        outputs: Of a run that was waited for.
    """

    subject: Subject
    state: str | None
    outputs: dict[str, Any] | None = None


class Bodies:
    """The actions of the session's flows.

    Args:
        began: Told each body that begins: its attempt.
    """

    def __init__(self, began: Callable[[Subject], None]) -> None:
        self.began = began
        self.is_repaired = False

    def actions(self) -> list[Callable[..., Any]]:
        def begin(ctx: Context) -> None:
            self.began(subject_of(ctx.run_id, ctx.node_id, ctx.invocation_key, ctx.attempt))

        @action(name="fetch")
        def fetch(ctx: Context) -> int:
            begin(ctx)
            if ctx.attempt <= 2:
                raise ConnectionError("not yet")
            return 3

        @action(name="part")
        async def part(ctx: Context, item: int) -> dict[str, Any]:
            begin(ctx)
            await asyncio.sleep(0.4 * item)
            if item == 3 and ctx.attempt == 1:
                raise ConnectionError("once")
            return {"half": 0.5 * item, "padding": PADDING}

        @action(name="approve")
        async def approve(ctx: Context, fetched: int) -> int:
            begin(ctx)
            await asyncio.sleep(0.2)
            if not self.is_repaired:
                raise PermissionError("nobody has approved")
            return fetched

        @action(name="total")
        def total(ctx: Context, parts: list[dict[str, Any]], approved: int) -> int:
            begin(ctx)
            return int(2 * sum(one["half"] for one in parts)) + approved

        @action(name="slow")
        async def slow(ctx: Context) -> str:
            begin(ctx)
            await asyncio.sleep(2.0)
            return ctx.node_id

        @action(name="once")
        def once(ctx: Context) -> int:
            begin(ctx)
            if not self.is_repaired:
                raise PermissionError("not yet")
            return 7

        return [fetch, part, approve, total, slow, once]


RETRY = {"linear": {"delay_secs": 1.0}}
FLOWS: dict[str, dict[str, Any]] = {
    "a": {
        "name": "a",
        "config": {"max_parallel_nodes": 3},
        "inputs": {"items": ITEMS},
        "nodes": [
            {"id": "fetch", "action": "fetch", "try_count": 3, "retry_strategy": RETRY},
            {
                "id": "parts",
                "action": "part",
                "map": {"over": "inputs.items", "item": "item"},
                "try_count": 2,
                "retry_strategy": RETRY,
            },
            {
                "id": "approve",
                "action": "approve",
                "dependencies": ["fetch"],
                "inputs": {"fetched": {"node": "fetch"}},
                "on_failure": "pause",
            },
            {
                "id": "total",
                "action": "total",
                "dependencies": ["parts", "approve"],
                "inputs": {"parts": {"node": "parts"}, "approved": {"node": "approve"}},
            },
        ],
        "outputs": {"total": {"node": "total"}, "parts": {"node": "parts"}},
    },
    "d": {"name": "d", "nodes": [{"id": "once", "action": "once"}], "outputs": {"once": {"node": "once"}}},
}
SLOW: dict[str, Any] = {
    "name": "slow",
    "config": {"max_parallel_nodes": 2},
    "nodes": [
        {"id": "one", "action": "slow"},
        {"id": "two", "action": "slow"},
        {"id": "three", "action": "slow"},
        {"id": "after", "action": "slow", "dependencies": ["one"]},
    ],
}


def subject_of(run_id: str, node_id: str, key: str, attempt: int) -> Subject:
    return (run_id, node_id, key, str(attempt))


class Story:
    """The session as it was played.

    Attributes:
        vfs: The log of the disk, with every promise in it.
        slots: Slot files as they were, by length of the log at that time; they are written around SQLite.
        ended_s: Virtual time at its end.
    """

    def __init__(self, seed: int, folder: Path, synchronous: Literal["full", "normal"]) -> None:
        self.vfs = PowerVFS(f"story-{synchronous}-{seed}-{folder.name}")
        self.slots: dict[int, dict[str, bytes]] = {}
        self._seed = seed
        self._path = folder / "sim.db"
        self._synchronous = synchronous
        self._bodies = Bodies(lambda attempt: self._promise(Mark(attempt, None)))
        with self.vfs, simulate(seed, folder) as sim:
            self._play(sim)
            self.ended_s = sim.now_s

    def _play(self, sim: Simulation) -> None:
        system, other = self._system(sim), self._system(sim)
        for run_id, flow in (("a", FLOWS["a"]), ("b", SLOW), ("c", SLOW), ("d", FLOWS["d"])):
            system.flows.start(flow, run_id=run_id)
            self._promise(Mark((run_id,), "pending"))
        sim.advance(0.7)
        self._checkpoint()
        self._cancel(system, "b")
        sim.advance(0.5)
        self._cancel(other, "c")
        self._wait(system, "d", "failed")
        self._wait(system, "a", "paused")
        other.stop()
        system.stop()
        self._bodies.is_repaired = True
        system = self._system(sim)
        system.flows.resume("a")
        self._promise(Mark(("a",), "running"))
        system.flows.retry("d")
        self._promise(Mark(("d",), "running"))
        self._wait(system, "d", "succeeded")
        self._checkpoint()
        self._wait(system, "a", "succeeded")
        system.stop()

    def _system(self, sim: Simulation) -> ActorSystem:
        return sim.system(
            actions=self._bodies.actions(), vfs=self.vfs.name, synchronous=self._synchronous, observer=self._observe
        )

    def _checkpoint(self) -> None:
        helper = open_writer(self._path, vfs=self.vfs.name, synchronous=self._synchronous)
        assert not checkpoint(helper, self._path).busy
        helper.close()

    def _cancel(self, system: ActorSystem, run_id: str) -> None:
        assert system.flows.cancel(run_id).state == "cancelled"
        self._promise(Mark((run_id,), "cancelled"))

    def _wait(self, system: ActorSystem, run_id: str, state: str) -> None:
        report = system.flows.run(run_id).wait()
        assert report.state == state, report
        assert report.outputs == (OUTPUTS[run_id] if state == "succeeded" else {})
        self._promise(Mark((run_id,), state, report.outputs))

    def _observe(self, events: Sequence[RunEvent]) -> None:
        for event in events:
            if isinstance(event, RunChanged):
                self._promise(Mark((event.run_id,), event.state))
            elif isinstance(event, NodeChanged):
                attempt = subject_of(event.run_id, event.node_id, event.invocation_key, event.attempt)
                self._promise(Mark(attempt, event.state))

    def _promise(self, mark: Mark) -> None:
        self.vfs.acknowledged(mark)
        self.slots[len(self.vfs.log)] = {
            file.name: _used(file) for file in slot_folder(self._path).iterdir() if file.suffix == ".slots"
        }

    @property
    def marks(self) -> list[Mark]:
        """Every promise, in order."""
        return [entry.mark for entry in self.vfs.log if isinstance(entry, Acknowledged) and isinstance(entry.mark, Mark)]


def _used(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(HEAD_BYTES + SLOTS_KEPT * RECORD_BYTES)


class Checker:
    """Compares what a cut left with what had been promised by then.

    Attributes:
        sequences: The states that each subject was seen in, in order.
    """

    def __init__(self, story: Story) -> None:
        self._story = story
        self.sequences: dict[Subject, list[str]] = {}
        for mark in story.marks:
            if mark.state is not None:
                self.sequences.setdefault(mark.subject, []).append(mark.state)

    def ends_told(self) -> dict[Subject, list[str]]:
        """What was told of each attempt from its first end on; more than one is one too many."""
        told: dict[Subject, list[str]] = {}
        for subject, states in self.sequences.items():
            if len(subject) == 1:
                continue
            first = next((at for at, state in enumerate(states) if state in FINAL_NODE), len(states))
            told[subject] = states[first:]
        return told

    def complaints(self, state: CrashState) -> list[str]:
        """All that is wrong with what the cut left; each begins with its kind."""
        path = state.folder / "sim.db"
        marks = [mark for mark in state.acknowledged if isinstance(mark, Mark)]
        if not path.exists():
            return ["lost: the whole file"] if marks else []
        try:
            return self._compare(path, marks)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            return [f"damaged: {error}"]

    def _compare(self, path: Path, marks: list[Mark]) -> list[str]:
        connection = apsw.Connection(str(path))
        try:
            if (verdict := connection.pragma("integrity_check")) != "ok":
                return [f"damaged: {verdict}"]
            if not connection.table_exists("main", "node_runs"):
                return ["lost: the tables"] if marks else []
            return [*self._rows(states_in(connection), marks), *_outputs(connection, path, marks)]
        finally:
            connection.close()

    def _rows(self, found: dict[Subject, str], marks: list[Mark]) -> Iterator[str]:
        seen: dict[Subject, int] = {}
        for mark in marks:
            seen[mark.subject] = seen.get(mark.subject, 0) + (mark.state is not None)
        for subject, count in seen.items():
            # From the last one that was seen on: the disk may be ahead of what was told.
            possible = self.sequences.get(subject, [])[max(0, count - 1) :]
            state = found.get(subject)
            if state is None:
                yield f"lost: {subject} was {possible[:1]}, has no row"
            elif state not in possible:
                kind = "two ends" if state in FINAL_NODE and possible[0] in FINAL_NODE else "lost"
                yield f"{kind}: {subject} was {possible[:1]}, is {state}"
        for subject, state in found.items():
            if subject not in seen and state not in (*self.sequences.get(subject, ()), "pending"):
                yield f"invented: {subject} is {state}"


def states_in(connection: apsw.Connection) -> dict[Subject, str]:
    """The state of every run and every attempt."""
    found: dict[Subject, str] = {(run_id,): status for run_id, status in connection.execute("SELECT run_id, status FROM flow_runs")}
    for run_id, node_id, key, attempt, state in connection.execute(
        "SELECT run_id, node_id, invocation_key, attempt, state FROM node_runs"
    ):
        found[subject_of(run_id, node_id, key, attempt)] = state
    return found


def _outputs(connection: apsw.Connection, path: Path, marks: list[Mark]) -> Iterator[str]:
    for mark in marks:
        if mark.outputs:
            outputs = outputs_in(connection, mark.subject[0])
            if outputs != mark.outputs:
                yield f"outputs: {mark.subject} had other outputs than {outputs}"


def outputs_in(connection: apsw.Connection, run_id: str) -> dict[str, Any]:
    """A run's outputs as its report gives them; empty when it has not succeeded."""
    found = list(connection.execute(sql("read.run"), (run_id,)))
    if not found:
        return {}
    row = RunRow(*found[0])
    body = next(connection.execute(sql("read.definition"), (row.definition_id,)))[0]

    def load(artifact_id: str) -> bytes:
        return next(connection.execute(sql("read.artifact"), (artifact_id,)))[4]

    return build_report(
        row,
        msgspec.json.decode(body, type=FlowDefinition),
        (StoredRow(*one) for one in connection.execute(sql("read.nodes"), (row.run_key,))),
        (StoredArtifact(*one) for one in connection.execute(sql("read.artifact_names"), (row.run_key,))),
        load,
    ).outputs


# --- going on after the cut

Slots = Literal["absent", "as it was", "older"]


def go_on(story: Story, state: CrashState, folder: Path, slots: Slots) -> list[str]:
    """Open what a cut left, take every run to its end, and tell what is wrong with that."""
    folder.mkdir()
    for file in state.folder.iterdir():
        shutil.copyfile(file, folder / file.name)
    path = folder / "sim.db"
    _put_slots(story, state.position, slot_folder(path), slots)
    before = _ended_rows(path)
    began: list[Subject] = []
    bodies = Bodies(began.append)
    bodies.is_repaired = True
    complaints: list[str] = []
    with simulate(state.position, folder) as sim:
        sim.world.wall_offset_us += round(story.ended_s * 1e6)
        system = sim.system(actions=bodies.actions(), synchronous="full")
        complaints += [
            complaint for summary in system.flows.runs() for complaint in _finish(system, summary.run_id, summary.state)
        ]
        system.stop()
    after = _ended_rows(path)
    complaints += [f"two ends: {key} was {row}, is {after.get(key)}" for key, row in before.items() if after.get(key) != row]
    complaints += [f"done again: {one}" for one in began if one in before]
    complaints += [f"twice: {one}" for one in set(began) if began.count(one) > 1]
    shutil.rmtree(folder)
    return complaints


def _finish(system: ActorSystem, run_id: str, found: str) -> Iterator[str]:
    state = found
    for _ in range(4):
        if state in FINAL_RUN and not (run_id == "d" and state == "failed"):
            break
        run = system.flows.retry(run_id) if state == "failed" else system.flows.resume(run_id)
        state = run.wait(timeout=600).state
    expected = ("succeeded",) if run_id in OUTPUTS else ("succeeded", "cancelled")
    if state not in expected:
        yield f"stranded: {run_id} was {found} and ended {state}"
    elif run_id in OUTPUTS and system.flows.report(run_id).outputs != OUTPUTS[run_id]:
        yield f"outputs: {run_id} was {found} and ended with {system.flows.report(run_id).outputs}"


def _ended_rows(path: Path) -> dict[Subject, tuple[Any, ...]]:
    if not path.exists():
        return {}
    connection = apsw.Connection(str(path))
    try:
        if not connection.table_exists("main", "node_runs"):
            return {}
        rows = connection.execute(
            "SELECT run_id, node_id, invocation_key, attempt, state, output, output_artifact_id, error, reason, "
            "started_at, finished_at FROM node_runs"
        )
        return {subject_of(*row[:4]): row[4:] for row in rows if row[4] in FINAL_NODE and row[4] != "skipped"}
    finally:
        connection.close()


def _put_slots(story: Story, position: int, folder: Path, slots: Slots) -> None:
    """The slot files as a power cut may leave them: gone, as they stood in memory, or as they were written back before."""
    moments = [moment for moment in story.slots if moment <= position]
    if slots == "absent" or not moments:
        return
    moment = moments[-1] if slots == "as it was" else random.Random(position).choice(moments)
    folder.mkdir()
    for name, content in story.slots[moment].items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.truncate(HEAD_BYTES + CAPACITY * RECORD_BYTES)
