"""``kill -9`` of a process whose durable actors count: what was answered is stored, and the next process goes on from there.

CI runs a slice; the full numbers are behind the marker: ``pytest -m full tests/crash/test_durable_actors.py``.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import apsw
import msgspec
import pytest

from tests.crash.stage import Child, Stage

ACTORS = 8
ROUNDS = 4
ROUNDS_FULL = 200


def stored(stage: Stage) -> dict[str, int]:
    connection = apsw.Connection(str(stage.db))
    try:
        found = connection.execute("SELECT name, state FROM agent_states").fetchall()
        assert connection.pragma("integrity_check") == "ok"
    finally:
        connection.close()
    return {name: msgspec.msgpack.decode(state)["number"] for name, state in found}


def answers(child: Child, lines: int) -> dict[str, int]:
    """Read so many answers, kill the child in its middle, and read what it had told until then."""
    told: dict[str, int] = {}
    assert child.process.stdout is not None
    for at, line in enumerate(child.process.stdout, 1):
        if line.endswith("\n"):
            facts = json.loads(line)
            assert facts["number"] == told.get(facts["answered"], facts["number"] - 1) + 1
            told[facts["answered"]] = facts["number"]
        if at == lines:
            child.process.kill()
    child.process.wait()
    child.close()
    return told


def play(stage: Stage, rounds: int, seed: int) -> int:
    """Kill it again and again; how many answers there were."""
    chance = random.Random(seed)
    before, total = {f"c{number}": 0 for number in range(ACTORS)}, 0
    for _ in range(rounds):
        told = answers(stage.child("count", actors=ACTORS), chance.randint(1, 2_000))
        after = stored(stage)
        for name, first in before.items():
            last = told.get(name, first)
            assert first <= last <= after[name] <= last + 1, (name, before, told, after)
            total += last - first
        before = after
    return total


def test_what_a_durable_actor_has_answered_outlives_kill_9(stage: Stage, figure: Callable[[str], None]) -> None:
    """Law: each answer is in the file; at most the one question in hand is counted and not answered; none is counted twice."""
    total = play(stage, ROUNDS, 0)
    assert total > 0
    figure(f"durable actors: {total:,} answers over {ROUNDS} kills, none lost, none counted twice")


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_what_durable_actors_have_answered_outlives_two_hundred_kills(stage: Stage) -> None:
    """The same, in full."""
    assert play(stage, ROUNDS_FULL, 1) > ROUNDS_FULL
