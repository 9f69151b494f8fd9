"""A scripted session whose every promise is marked in the log of the disk.

The session has two workers and then a third: run ``a`` with retries, a map and a node that pauses it until it is
resumed; ``b`` cancelled where it runs; ``c`` cancelled from another worker; ``d`` that fails and is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from dagger_actors import ActorSystem, Context, action
from dagger_actors.flow.running.run_events import NodeChanged, RunChanged, RunEvent
from dagger_actors.store.connection import checkpoint, open_writer
from dagger_actors.testing.power import PowerVFS
from dagger_actors.testing.power_log import Acknowledged
from dagger_actors.testing.simulation import Simulation, simulate
from tests.simulation.power_cuts import SlotFiles

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
        slots: The slot files as they were.
        ended_s: Virtual time at its end.
    """

    def __init__(self, seed: int, folder: Path, synchronous: Literal["full", "normal"]) -> None:
        self.vfs = PowerVFS(f"story-{synchronous}-{seed}-{folder.name}")
        self._seed = seed
        self._path = folder / "sim.db"
        self.slots = SlotFiles(self._path)
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
        self.slots.note(len(self.vfs.log))

    @property
    def marks(self) -> list[Mark]:
        """Every promise, in order."""
        return [
            entry.mark for entry in self.vfs.log if isinstance(entry, Acknowledged) and isinstance(entry.mark, Mark)
        ]
