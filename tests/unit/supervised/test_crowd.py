"""Very many actors: what they cost the garbage collector, and many that await at once."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.runtime import ThreadRuntime
from dagger_actors.actors.settings import CROWD_THRESHOLDS, GC_THRESHOLDS
from dagger_actors.supervised import nursery
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.handlers import handler
from tests.unit.supervised.conftest import PATIENCE_S, Stage

ROOT = Path(__file__).parents[3]
AWAITING = 10_000
TRIES = 3
"""A machine with other work may hold a thread up: one quiet run of so many is enough."""


class Note(msgspec.Struct, frozen=True):
    text: str


class Reader(Actor):
    @handler
    def read(self, note: Note) -> int:
        return len(note.text)


class Gate:
    """Opens when all stand in front of it."""

    def __init__(self) -> None:
        self.waiting = 0
        self.opened = asyncio.Event()


class Waiter(Actor):
    gate: Gate

    @handler
    async def wait(self, _note: Note) -> tuple[int, int]:
        self.gate.waiting += 1
        if self.gate.waiting == AWAITING:
            self.gate.opened.set()
        await self.gate.opened.wait()
        return self.gate.waiting, threading.get_ident()


def test_a_crowd_is_set_aside_when_it_has_come_and_taken_back_when_it_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: no collection looks at all idle actors; without them the collector is as before."""
    monkeypatch.setattr(nursery, "CROWD", 200)
    stage = Stage(ThreadRuntime())
    try:
        refs = [stage.spawn(Reader) for _ in range(199)]
        assert gc.get_threshold() == GC_THRESHOLDS
        before = gc.get_freeze_count()
        refs += [stage.spawn(Reader) for _ in range(201)]
        assert gc.get_threshold() == CROWD_THRESHOLDS
        assert gc.get_freeze_count() >= before + 400
        for ref in refs[:300]:
            ref.stop()
        assert gc.get_threshold() == CROWD_THRESHOLDS
        ref = refs[300]
        assert ref.ask(Note("as ever")) == 7
        ref.stop()
        assert gc.get_threshold() == GC_THRESHOLDS
        assert gc.get_freeze_count() == 0
    finally:
        stage.house.close(PATIENCE_S)
        stage.runtime.close(PATIENCE_S)


def test_ten_thousand_agents_await_at_once_on_one_thread(threads: Stage) -> None:
    """Law: a handler that awaits holds neither a thread nor the others."""
    Waiter.gate = Gate()
    before = threading.active_count()
    replies: list[ReplyFuture[tuple[int, int]]] = [
        threads.spawn(Waiter).ask(Note("wait"), block=False) for _ in range(AWAITING)
    ]
    answers = {reply.get(timeout=PATIENCE_S) for reply in replies}
    assert {waiting for waiting, _ in answers} == {AWAITING}
    assert len({thread for _, thread in answers}) == 1
    assert threading.active_count() <= before + 5  # the pools start theirs when they are wanted


@pytest.mark.full
def test_a_million_idle_actors_fit_into_three_gibibytes_and_stop_nothing_for_a_tenth_of_a_second(
    tmp_path: Path,
) -> None:
    """Law: as long as memory lasts, one more actor costs what the first one did."""
    command = [sys.executable, str(ROOT / "benchmarks" / "population.py"), "idle-ours", "1000000"]
    pauses = []
    for _ in range(TRIES):
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            timeout=90,
            check=True,
        )
        measured = msgspec.json.decode(done.stdout)
        assert measured["whole_mib"] < 3 * 1024
        assert measured["collection_ms"] < 100
        pauses.append(measured["pause_ms"])
        if pauses[-1] < 100:
            break
    assert min(pauses) < 100
