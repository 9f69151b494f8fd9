"""``kill -9`` of real processes, at instants that nobody chose: every run ends as if undisturbed.

CI runs a slice; the full numbers are behind the marker: ``pytest -m full tests/crash``. A failing round names its seed;
``CRASH_SEED=N pytest -m full tests/crash/test_kill.py`` begins there.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import statistics
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.crash.flows import mixed
from tests.crash.stage import Child, Kill, Outcome, Stage, check, look

LINES = 4_100
"""What the bodies of the whole flow write, about."""

LIMITS = (16, 4, 16, 1)


def kill_somewhere(stage: Stage, child: Child, chance: random.Random, lines: int) -> Kill:
    """Kill it when a random number of lines has been written, and a little later; mostly in the middle of something."""
    stage.wait_for_log(chance.randint(0, lines), child)
    return kill_after(stage, child, chance.uniform(0, 0.004))


def kill_after(stage: Stage, child: Child, seconds: float) -> Kill:
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.process.wait(seconds)
    child.kill()
    return look(stage)


def go_on(stage: Stage, *, by_cli: bool) -> None:
    """Resume the run in another process, to its end; start it when the first process died before it was stored."""
    if stage.status() is None:
        child = stage.child("run")
        assert child.answer("state")["state"] == "succeeded"
        assert child.end() == ""
    elif by_cli:
        done = stage.cli("resume", "r", "--db", str(stage.db), "--json")
        assert done.returncode == 0, done.stderr
    else:
        child = stage.child("resume")
        assert child.answer("state")["state"] == "succeeded"
        assert child.end() == ""


def one_kill(stage: Stage, seed: int) -> Outcome:
    chance = random.Random(seed)
    limit = LIMITS[seed % len(LIMITS)]
    stage.perform(mixed(limit=limit))
    child = stage.child("run")
    if seed % 5 == 4:
        kill = kill_after(stage, child, chance.uniform(0, 1.2))  # also while it is starting up
    else:
        child.answer("started")
        kill = kill_somewhere(stage, child, chance, LINES)
    go_on(stage, by_cli=seed % 3 == 2)
    return check(stage, [kill], limit=limit)


def many(play: Callable[[Stage, int], Outcome], stages: Callable[[], Stage], count: int) -> list[Outcome]:
    first = int(os.environ.get("CRASH_SEED", "0"))
    outcomes = []
    for seed in range(first, first + count):
        stage = stages()
        try:
            outcomes.append(play(stage, seed))
        except BaseException as error:
            error.add_note(f"seed {seed}, folder {stage.folder}")
            raise
        shutil.rmtree(stage.folder)
    return outcomes


def tell(figure: Callable[[str], None], name: str, outcomes: list[Outcome]) -> None:
    repeats = [outcome.repeats for outcome in outcomes]
    interrupted = [outcome.interrupted for outcome in outcomes]
    figure(
        f"{name}: {len(outcomes)} stories; repeats median {statistics.median(repeats):g}, most {max(repeats)}; "
        f"interrupted rows median {statistics.median(interrupted):g}, most {max(interrupted)}"
    )


@pytest.mark.parametrize("count", [6, pytest.param(100, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_a_run_killed_at_a_random_instant_ends_as_if_undisturbed(stages, figure, count):
    """Law: kill -9, resume: same outputs, nothing committed is redone, at most the concurrency is repeated and told so."""
    tell(figure, "one kill", many(one_kill, stages, count))


def kills_in_a_row(stage: Stage, seed: int) -> Outcome:
    """Three or four deaths of one run, far enough from one another that no work meets three of them."""
    chance = random.Random(seed)
    limit = LIMITS[seed % len(LIMITS)]
    stage.perform(mixed(limit=limit))
    kills: list[Kill] = []
    child = stage.child("run")
    child.answer("started")
    for _ in range(chance.randint(3, 4)):
        written = stage.log_size() // 20
        stage.wait_for_log(written + 100 + chance.randint(0, 900), child)
        kills.append(kill_after(stage, child, chance.uniform(0, 0.004)))
        if kills[-1].status == "succeeded":
            break
        child = stage.child("resume")
        child.answer("resumed")
    if kills[-1].status != "succeeded":
        child.answer("state")
        child.end()
    return check(stage, kills, limit=limit)


@pytest.mark.parametrize("count", [1, pytest.param(20, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_a_run_killed_several_times_ends_as_if_undisturbed(stages, figure, count):
    """Law: every death adds at most the concurrency to what is repeated."""
    tell(figure, "several kills", many(kills_in_a_row, stages, count))


def kill_while_resuming(stage: Stage, seed: int) -> Outcome:
    chance = random.Random(seed)
    limit = LIMITS[seed % len(LIMITS)]
    stage.perform(mixed(limit=limit))
    child = stage.child("run")
    child.answer("started")
    kills = [kill_somewhere(stage, child, chance, LINES // 2)]
    second = stage.child("resume", barrier=True)
    second.answer("ready")
    second.go()
    kills.append(kill_after(stage, second, chance.uniform(0, 0.06)))
    go_on(stage, by_cli=False)
    return check(stage, kills, limit=limit)


@pytest.mark.parametrize("count", [2, pytest.param(40, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_a_resume_that_is_killed_itself_loses_nothing(stages, figure, count):
    """Law: whoever goes on knows what every dead owner had begun, not only the last one."""
    tell(figure, "kill while resuming", many(kill_while_resuming, stages, count))


DEATHS: list[Any] = [
    {"die_after_claim": True},
    {"die_at_commit": [2, "before"]},
    *(
        pytest.param({"die_at_commit": [number, moment]}, marks=pytest.mark.full)
        for number, moment in ((1, "before"), (1, "after"), (2, "after"), (3, "before"), (3, "after"))
    ),
]


@pytest.mark.parametrize("death", DEATHS, ids=str)
def test_a_resume_that_dies_at_its_first_commits_loses_nothing(stage, death):
    """Law: between the claim and the first decision the former owner's slot file is still what tells the truth."""
    limit = 16
    stage.perform(mixed(limit=limit, scale=4))
    child = stage.child("run", die_at_commit=[12, "before"])
    child.process.wait(60)
    kills = [look(stage)]
    assert kills[0].status == "running"
    untold = {(line.node, line.key, line.attempt) for line in stage.lines()} - kills[0].final
    assert untold, "bodies have begun of which no committed row tells"
    second = stage.child("resume", **death)
    second.process.wait(60)
    assert second.process.returncode == -9, second.end()
    kills.append(look(stage))
    go_on(stage, by_cli=False)
    check(stage, kills, limit=limit)
