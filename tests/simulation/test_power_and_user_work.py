"""The power goes at every sync: steps that have returned are on the disk, and statements stand with their attempt's success."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import apsw
import pytest

from dagger_actors import Context, action
from dagger_actors.flow.running.run_events import NodeChanged, RunEvent
from dagger_actors.testing.power import PowerVFS
from dagger_actors.testing.power_states import CrashState
from dagger_actors.testing.simulation import simulate

SCHEMA = "CREATE TABLE IF NOT EXISTS moves (node TEXT, item TEXT, PRIMARY KEY (node, item)) STRICT"
SPEC: dict[str, Any] = {
    "name": "f",
    "inputs": {"items": [1, 2, 3, 4]},
    "config": {"max_attempts": 2, "retry_strategy": "immediate"},
    "nodes": [
        {"id": "m", "action": "move", "map": {"over": "inputs.items", "item": "item"}},
        {"id": "last", "action": "amove", "inputs": {"items": "m"}},
    ],
}


def play(folder: Path, synchronous: Literal["full", "normal"], seed: int) -> PowerVFS:
    """Run the flow, with every promise marked in the log of the disk."""
    vfs = PowerVFS(f"work-{synchronous}-{seed}-{folder.name}")
    schema = folder / "schema.sql"
    schema.write_text(SCHEMA)

    def done(ctx: Context) -> None:
        vfs.acknowledged(("step", ctx.node_id, ctx.invocation_key))
        ctx.execute("INSERT INTO moves VALUES (?, ?)", (ctx.node_id, ctx.invocation_key))
        ctx.cache.append("log", ctx.invocation_key)
        if ctx.attempt == 1 and ctx.invocation_key in ("", "2"):
            raise ConnectionError

    @action
    def move(ctx: Context, item: int) -> int:
        ctx.step("pay", abs, item)
        done(ctx)
        return item

    @action
    async def amove(ctx: Context, items: list[int]) -> int:
        await ctx.astep("pay", sum, items)
        done(ctx)
        return len(items)

    def observe(events: Sequence[RunEvent]) -> None:
        for event in events:
            if isinstance(event, NodeChanged) and event.state == "succeeded":
                vfs.acknowledged(("success", event.node_id, event.invocation_key))

    with vfs, simulate(seed, folder) as sim:
        options = {"vfs": vfs.name, "synchronous": synchronous, "schema": schema, "observer": observe}
        system = sim.system(actions=[move, amove], **options)
        assert system.flows.start(SPEC, run_id="r").result() == {"last": 4}
        system.stop()
    return vfs


def complaints(state: CrashState) -> list[str]:
    path = state.folder / "sim.db"
    marks = set(state.acknowledged)
    if not path.exists():
        return ["lost: the file"] if marks else []
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        if connection.pragma("integrity_check") != "ok":
            return ["damaged"]
        if not connection.table_exists("main", "moves"):
            return ["lost: the tables"] if marks else []
        found = set(connection.execute("SELECT 'success', node, item FROM moves"))
        text = "SELECT 'success', node_id, invocation_key FROM node_runs WHERE state = 'succeeded' AND size IS NULL"
        wrong = ["torn: statements without their attempt's success"] if found != set(connection.execute(text)) else []
        log = connection.execute("SELECT value -> '$' FROM run_values").fetchall()
        wrong += ["torn: values"] if sum(text.count('"') for (text,) in log) != 2 * len(found) else []
        steps = "SELECT DISTINCT 'step', n.node_id, n.invocation_key FROM steps JOIN node_runs AS n USING (run_key, node, item)"
        found |= set(connection.execute(steps))
        kept = {mark for mark in marks if mark != ("success", "m", "")}
        return wrong + [f"lost: {mark}" for mark in sorted(kept - found)]


def cut(tmp_path: Path, memory: Path, synchronous: Literal["full", "normal"], seeds: int) -> list[str]:
    found: list[str] = []
    states = 0
    for seed in range(seeds):
        folder, into = memory / f"live{seed}", memory / "cut"
        folder.mkdir()
        into.mkdir()
        for state in play(folder, synchronous, seed).states(into, seed=seed, per_cut=5):
            states += 1
            found += complaints(state)
        shutil.rmtree(into)
    assert states > 100 * seeds
    return found


def test_at_full_no_step_is_lost_and_no_statement_stands_without_its_success(tmp_path: Path, memory: Path) -> None:
    """Law: what ``ctx.step`` has returned, and what a success was told to have written, survives any power cut."""
    assert cut(tmp_path, memory, "full", 3) == []


def test_at_normal_the_same_check_goes_red_and_nothing_is_torn(tmp_path: Path, memory: Path) -> None:
    """The oracle can fail: NORMAL tells before the disk has it; but statement and success are lost together."""
    found = cut(tmp_path, memory, "normal", 1)
    assert {complaint.partition(":")[0] for complaint in found} == {"lost"}


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_at_full_no_step_is_lost_in_many_sessions(tmp_path: Path, memory: Path) -> None:
    """The same, in full."""
    assert cut(tmp_path, memory, "full", 30) == []
