"""The laws of DESIGN section 7 over many seeds: random flows, seeded schedules, workers killed at random commits.

CI runs a slice; the full number is behind the marker: ``pytest -m full tests/simulation``.
"""

from __future__ import annotations

import os
import random
from contextlib import closing
from pathlib import Path

import pytest

from dagger_actors import ActorSystem
from dagger_actors.errors import IllegalTransition, SystemClosed
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation, simulate
from tests.simulation.random_flows import Stage, enriched, random_flow

SLICE = 80
FULL = 2000


def play(sim: Simulation, stage: Stage, chance: random.Random, *, deaths: int) -> str:
    """Run the stage's flow to its end, killing the worker at a random commit as often as said; tells the run's state."""
    system = sim.system(actions=stage.actions())
    if deaths:
        sim.kill_at(system, chance.randint(1, 25), chance.choice(("before", "after")))
    begun = False
    for _ in range(20):
        try:
            flows = system.flows
            run = flows.resume("r") if begun else flows.start(stage.spec(), run_id="r")
            begun = True
            return run.wait().state
        except WorkerKilled:
            sim.advance(chance.choice((0.0, 0.5, 3.0)))
            system = sim.system(actions=stage.actions())
            found = stage.query("SELECT status FROM flow_runs")
            begun = bool(found)
            if begun and found[0][0] in ("succeeded", "failed"):
                return str(found[0][0])
            deaths -= 1
            if deaths > 0:
                sim.kill_at(system, chance.randint(1, 25), chance.choice(("before", "after")))
    raise AssertionError("twenty workers were not enough")


def check_one(seed: int, folder: Path, *, deaths: int, with_timeouts: bool = False, is_rich: bool = False) -> list[str]:
    chance = random.Random(seed)
    flow = random_flow(chance, with_timeouts=with_timeouts)
    with simulate(seed, folder) as sim, closing(Stage(sim, enriched(flow, chance) if is_rich else flow)) as stage:
        state = play(sim, stage, chance, deaths=deaths)
        assert not stage.complaints, stage.complaints
        stage.check_rows()
        stage.check_concurrency()
        expected = stage.expected()
        bad = any(end not in ("succeeded", "skipped") for (_, item), end in expected.items() if item < 0)
        if state == "paused":
            # Only work that met three deaths may be parked, or work of unknown outcome that must not be repeated.
            parked = stage.query("SELECT crash_no, node, reason FROM node_runs WHERE state='waiting'")
            assert parked
            for crashes, node, reason in parked:
                assert crashes >= 3 or (stage.flow.nodes[node].is_careful and reason == "interrupted"), parked
        else:
            assert stage.actual() == expected
            assert state == ("failed" if bad else "succeeded")
        return list(sim.world.trace)


def seeds(count: int) -> range:
    first = int(os.environ.get("DAGGER_SEED", "0"))
    return range(first, first + int(os.environ.get("DAGGER_SEEDS", str(count))))


def explore(tmp_path: Path, count: int, *, deaths: int, with_timeouts: bool = False, is_rich: bool = False) -> None:
    for seed in seeds(count):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check_one(seed, folder, deaths=deaths, with_timeouts=with_timeouts, is_rich=is_rich)


def test_triggers_predicates_maps_over_maps_and_tolerated_failures_end_as_their_tables_say(tmp_path: Path) -> None:
    """Whatever the order and the deaths, and time-outs too; at most once is at most once."""
    explore(tmp_path, SLICE, deaths=2, with_timeouts=True, is_rich=True)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_two_thousand_seeds_of_rich_flows_with_a_kill_at_a_random_commit(tmp_path: Path) -> None:
    """The same, in full."""
    explore(tmp_path, FULL, deaths=2, with_timeouts=True, is_rich=True)


def test_every_flow_ends_as_its_definition_says_whatever_the_order(tmp_path: Path) -> None:
    """Starts only after durable dependencies, one execution an attempt, never over the limit, one end an attempt."""
    explore(tmp_path, SLICE // 3, deaths=0)


def test_every_flow_ends_as_if_undisturbed_when_workers_are_killed_at_random_commits(tmp_path: Path) -> None:
    """Completed work is not redone, interrupted attempts do not eat tries, and the outcome is that of the flow alone."""
    explore(tmp_path, SLICE, deaths=2)


def test_time_outs_keep_the_laws_under_deaths(tmp_path: Path) -> None:
    """Late results are dropped, places are given back, a retry waits for the old body."""
    explore(tmp_path, SLICE // 3, deaths=1, with_timeouts=True)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_two_thousand_seeds_with_a_kill_at_a_random_commit(tmp_path: Path) -> None:
    """The same, in full."""
    explore(tmp_path, FULL, deaths=2)


def test_one_seed_gives_one_trace(tmp_path: Path) -> None:
    """A failure can be repeated: equal seeds make equal choices, step by step."""
    for seed in range(5):
        traces = []
        for turn in ("a", "b"):
            folder = tmp_path / f"{seed}{turn}"
            folder.mkdir()
            traces.append(check_one(seed, folder, deaths=1))
        assert traces[0] == traces[1]


POLICIES = ("continue", "stop", "pause")


def disturb(seed: int, folder: Path) -> None:
    """A flow of mixed policies, cancelled or not, killed or not, then resumed and retried until it can go no further."""
    chance = random.Random(seed)
    flow = random_flow(chance, policies=POLICIES, with_timeouts=True)
    with simulate(seed, folder) as sim, closing(Stage(sim, flow)) as stage:
        system = sim.system(actions=stage.actions())
        system.flows.start(stage.spec(), run_id="r")
        if chance.random() < 0.5:
            sim.kill_at(system, chance.randint(1, 15), chance.choice(("before", "after")))
        wants_cancel = chance.random() < 0.4
        for turn in range(12):
            try:
                if turn:
                    go_on(stage, system)
                if wants_cancel and not turn:
                    sim.advance(chance.choice((0.0, 0.05, 0.7, 2.0)))
                    elsewhere = chance.random() < 0.5
                    canceller = sim.system(actions=stage.actions()) if elsewhere else system
                    if sim.is_alive(canceller):
                        cancel(stage, canceller)
                state = wait(stage, system)
            except (WorkerKilled, SystemClosed):
                state = "dead"
            stage.check_rows()
            stage.check_concurrency()
            assert not stage.complaints, stage.complaints
            if state == "succeeded":
                break
            system = system if state != "dead" else sim.system(actions=stage.actions())
        stage.check_kept()


def go_on(stage: Stage, system: ActorSystem) -> None:
    state = stage.query("SELECT status FROM flow_runs")[0][0]
    if state == "succeeded":
        return
    stage.note_run_again()
    if state in ("failed", "cancelled", "timed_out"):
        system.flows.retry("r")
    else:
        system.flows.resume("r")


def cancel(stage: Stage, system: ActorSystem) -> None:
    try:
        report = system.flows.cancel("r")
    except IllegalTransition:
        return
    assert report.state == "cancelled"
    stage.note_cancelled()


def wait(stage: Stage, system: ActorSystem) -> str:
    return system.flows.run("r").wait().state


def test_any_mix_of_policies_cancels_and_deaths_keeps_the_laws(tmp_path: Path) -> None:
    """Nothing starts after a stop or a cancel, what succeeded is kept by every resume and retry, all ends are recorded."""
    for seed in seeds(SLICE):
        folder = tmp_path / str(seed)
        folder.mkdir()
        disturb(seed, folder)
