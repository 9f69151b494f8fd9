"""``explore``: every seed, every commit, and a failure that tells how to have it again."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, Context, action
from dagger_actors.errors import RequestError, SystemClosed
from dagger_actors.testing import Explored, NotRepeatable, Simulation, WorkerKilled, explore, replay

SPEC: dict[str, Any] = {
    "name": "f",
    "nodes": [
        {"id": "one", "action": "work"},
        {"id": "two", "action": "work", "dependencies": ["one"]},
    ],
}


@action
def work() -> int:
    return 1


def body(system: ActorSystem) -> dict[str, Any]:
    return system.flows.start(SPEC, run_id="r").result()


def good(sim: Simulation) -> None:
    assert sim.keep_going(body, actions=[work]) == {"two": 1}


@pytest.fixture(autouse=True)
def nothing_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (replay.SEED, replay.SEEDS, replay.KILL):
        monkeypatch.delenv(name, raising=False)


def test_each_seed_is_played_once() -> None:
    """Law: so many seeds from 0, or those that are given, in their order."""
    seen: list[int] = []
    assert explore(lambda sim: seen.append(sim.seed), seeds=5) == Explored(seeds=5, runs=5, commits=0)
    assert explore(lambda sim: seen.append(sim.seed), seeds=[9, 4]).seeds == 2
    assert seen == [0, 1, 2, 3, 4, 9, 4]


def test_a_worker_dies_before_and_after_every_commit_of_every_seed() -> None:
    """Law: each commit twice, the kills are of that commit, and what the first run did not do is not looked for."""
    plans: Counter[tuple[int, str]] = Counter()
    deaths: list[int] = []

    def test(sim: Simulation) -> None:
        if sim.fates.planned is not None:
            plans[sim.seed, str(sim.fates.planned)] += 1
        good(sim)
        deaths.append(len(sim.deaths))

    explored = explore(test, seeds=2, crash="every_commit")
    assert explored.runs == 2 + len(plans)
    assert set(plans.values()) == {1}
    assert deaths.count(0) == 2
    assert deaths.count(1) == len(plans)
    for seed in (0, 1):
        commits = sorted(int(plan.partition(":")[2]) for of, plan in plans if of == seed)
        assert commits == [number for number in range(1, len(commits) // 2 + 1) for _ in "ab"]


def test_it_finds_a_commit_that_loses_something() -> None:
    """Law: a test that holds undisturbed and not around one commit fails, and says seed, commit, moment and command."""

    def test(sim: Simulation) -> None:
        charged: list[str] = []

        @action
        async def charge(ctx: Context) -> int:
            charged.append(ctx.idempotency_key)  # a shop is asked, and the answer takes a while
            await asyncio.sleep(1)
            return 1

        def pays(system: ActorSystem) -> dict[str, Any]:
            nodes = [{"id": "charge", "action": "charge"}, {"id": "beside", "action": "work"}]
            return system.flows.start({"name": "f", "nodes": nodes}, run_id="r").result()

        sim.keep_going(pays, actions=[charge, work])
        assert len(charged) == 1, "charged twice"

    explore(test, seeds=5)
    with pytest.raises(AssertionError, match="charged twice") as caught:
        explore(test, seeds=5, crash="every_commit")
    note = caught.value.__notes__[-1]
    found = re.fullmatch(
        r"seed (\d+), a worker killed (before|after) commit (\d+); repeat it with:\n"
        r"  DAGGER_SEED=\1 DAGGER_KILL=\2:\3 python -m pytest "
        r"\S*test_explore.py::test_it_finds_a_commit_that_loses_something",
        note,
    )
    assert found is not None, note


def test_the_environment_repeats_exactly_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: with the seed and the kill of the command there is one run, and it takes the same course."""
    courses: dict[tuple[int, str], list[str]] = {}

    def test(sim: Simulation) -> None:
        plan = str(sim.fates.planned)
        good(sim)
        courses[sim.seed, plan] = list(sim.world.trace)

    explore(test, seeds=3, crash="every_commit")
    first = dict(courses)
    courses.clear()
    monkeypatch.setenv("DAGGER_SEED", "2")
    monkeypatch.setenv("DAGGER_KILL", "after:3")
    assert explore(test, seeds=3, crash="every_commit") == Explored(seeds=1, runs=1, commits=0)
    assert courses == {(2, "after:3"): first[2, "after:3"]}


def test_a_kill_that_is_repeated_and_never_comes_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a repetition that kills nobody has not repeated anything."""
    monkeypatch.setenv("DAGGER_KILL", "after:99")
    with pytest.raises(NotRepeatable, match="only"):
        explore(good, seeds=1)


def test_the_environment_asks_for_another_number_of_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a nightly run takes more, from where the test begins or from the seed that is said."""
    seen: list[int] = []
    monkeypatch.setenv("DAGGER_SEEDS", "3")
    explore(lambda sim: seen.append(sim.seed), seeds=range(100, 200))
    monkeypatch.setenv("DAGGER_SEED", "7")
    explore(lambda sim: seen.append(sim.seed), seeds=1)
    monkeypatch.delenv("DAGGER_SEEDS")
    explore(lambda sim: seen.append(sim.seed), seeds=50)
    assert seen == [100, 101, 102, 7, 8, 9, 7]


def test_a_test_that_does_not_go_on_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: who forgot ``keep_going`` reads of it."""

    def test(sim: Simulation) -> None:
        body(sim.system(actions=[work]))

    explore(test, seeds=2)
    with pytest.raises(WorkerKilled) as caught:
        explore(test, seeds=2, crash="every_commit")
    assert "sim.keep_going" in caught.value.__notes__[0]
    assert "killed before commit 1;" in caught.value.__notes__[1]


def asks_the_left(sim: Simulation) -> None:
    system = sim.system()
    system.stop()
    system.flows.runs()


def test_a_check_holds_whatever_became_of_the_test() -> None:
    """Law: with a check the test may die; the check is called each time, with the simulation as it is, and may fail."""
    checked: list[int] = []

    def test(sim: Simulation) -> None:
        body(sim.system(actions=[work]))

    def whole(sim: Simulation) -> None:
        checked.append(len(sim.deaths))
        connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
        assert connection.pragma("integrity_check") == "ok"
        connection.close()

    explored = explore(test, seeds=2, crash="every_commit", check=whole)
    assert len(checked) == explored.runs
    assert checked.count(0) == 2

    def succeeded(sim: Simulation) -> None:
        assert body(sim.system(actions=[work], recover=True)) == {"two": 1}

    explore(test, seeds=2, crash="every_commit", check=succeeded)

    def asks_the_dead(sim: Simulation) -> None:
        system = sim.system(actions=[work])
        sim.run()
        system.flows.start(SPEC, run_id="r")
        sim.run()
        system.flows.report("r")

    explore(asks_the_dead, seeds=2, crash="every_commit", check=succeeded)
    with pytest.raises(SystemClosed):
        explore(asks_the_left, seeds=1, check=succeeded)

    def refuses(sim: Simulation) -> None:
        raise AssertionError("not so")

    with pytest.raises(AssertionError, match="not so"):
        explore(test, seeds=1, check=refuses)


def test_what_is_not_the_same_for_the_same_seed_is_found_out() -> None:
    """Law: a test that draws from elsewhere cannot be repeated, and says so instead of killing anywhere."""
    turns: list[int] = []

    def test(sim: Simulation) -> None:
        turns.append(1)

        def two(system: ActorSystem) -> None:
            for number in range(1 + len(turns) % 3):  # what an earlier run has left behind
                system.flows.start(SPEC, run_id=f"r{number}").result()

        sim.keep_going(two, actions=[work])

    with pytest.raises(NotRepeatable) as caught:
        explore(test, seeds=1, crash="every_commit")
    assert "repeat it with" in caught.value.__notes__[-1]


def test_a_course_that_differs_before_the_kill_names_the_turn() -> None:
    """Law: the kill is where it is said to be, or it is an error."""
    turns: list[int] = []

    def test(sim: Simulation) -> None:
        turns.append(1)
        if len(turns) > 1:
            sim.world.advance(1)
        good(sim)

    with pytest.raises(NotRepeatable, match=r"the turn \d+ is '.*', and was '.*' when nobody was killed"):
        explore(test, seeds=1, crash="every_commit")


def test_more_runs_than_are_wanted_are_refused_as_soon_as_it_shows() -> None:
    """Law: nobody waits an hour to hear that it would take a day."""
    runs: list[int] = []

    def test(sim: Simulation) -> None:
        runs.append(1)
        good(sim)

    with pytest.raises(RequestError, match=r"give fewer `seeds`, or `most_runs` more than 50"):
        explore(test, seeds=100, crash="every_commit", most_runs=50)
    assert len(runs) == 1
    with pytest.raises(RequestError, match="about 100 runs"):
        explore(lambda _sim: None, seeds=100, most_runs=99)
    assert explore(lambda _sim: None, seeds=100, most_runs=100).runs == 100


async def coroutine_function(sim: Simulation) -> None: ...


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"fn": coroutine_function}, "a plain function of the simulation"),
        ({"fn": None}, "a plain function of the simulation"),
        ({"check": coroutine_function}, "a plain function of the simulation"),
        ({"seeds": 0}, "`seeds`"),
        ({"seeds": []}, "`seeds`"),
        ({"crash": "always"}, "'every_commit' or None"),
        ({"crash": True}, "'every_commit' or None"),
        ({"most_runs": 0}, "`most_runs`"),
        ({"most_runs": 1.5}, "`most_runs`"),
    ],
)
def test_what_explore_cannot_do_is_refused(arguments: dict[str, Any], part: str) -> None:
    """Law: nothing is accepted and ignored."""
    with pytest.raises(RequestError, match=part):
        explore(**{"fn": good, **arguments})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAGGER_SEED", "-1"),
        ("DAGGER_SEED", "x"),
        ("DAGGER_SEED", str(2**70)),
        ("DAGGER_SEEDS", "0"),
        ("DAGGER_SEEDS", "1e3"),
        ("DAGGER_KILL", "after"),
        ("DAGGER_KILL", "after:0"),
        ("DAGGER_KILL", "during:3"),
        ("DAGGER_KILL", ""),
    ],
)
def test_an_environment_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Law: a mistyped repetition does not run something else."""
    monkeypatch.setenv(name, value)
    with pytest.raises(RequestError):
        explore(good, seeds=1)


def test_chance_follows_the_seed_and_is_given_back() -> None:
    """Law: ``random`` is the seed's inside, and unchanged outside."""
    drawn: list[float] = []
    random.seed(5)
    expected = random.Random(5).random()
    explore(lambda _sim: drawn.append(random.random()), seeds=[3, 3, 4])
    assert drawn[0] == drawn[1] != drawn[2]
    assert random.random() == expected


def test_no_run_leaves_anything_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: each simulation has a folder of its own, and takes it away."""
    folders: list[Path] = []
    explore(lambda sim: folders.append(sim.path.parent), seeds=3)
    assert len(set(folders)) == 3
    assert not any(folder.exists() for folder in folders)


def test_outside_of_pytest_the_command_is_the_programs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: it repeats what was typed."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.setattr("sys.orig_argv", ["python", "check shop.py", "-v"])
    assert replay.command(7, None) == "DAGGER_SEED=7 python 'check shop.py' -v"
    assert replay.command(7, replay.Kill(2, "before")) == "DAGGER_SEED=7 DAGGER_KILL=before:2 python 'check shop.py' -v"
