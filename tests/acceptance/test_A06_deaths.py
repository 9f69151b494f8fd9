"""A06 with a death around each commit: one answer whoever gives it again, one owner, and what is refused leaves no trace."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, Report
from dagger_actors.errors import (
    AlreadyAnswered,
    AnswerMisfit,
    IllegalTransition,
    NeverRan,
    NodeTransition,
    NotAsked,
    RequestError,
    RunConflict,
    RunNotFound,
    RunOwned,
    SystemClosed,
    UnknownNode,
)
from dagger_actors.testing import WorkerKilled, explore
from dagger_actors.testing.simulation import Simulation

ASKING: dict[str, Any] = {
    "name": "asking",
    "nodes": [
        {"id": "first", "action": "one"},
        {"id": "ask", "approval": {"type": "str"}, "dependencies": ["first"]},
        {"id": "last", "action": "echo", "inputs": {"text": "ask"}},
    ],
}

GOING = ("pending", "running")


def one() -> int:
    return 1


def echo(text: str) -> str:
    return text


def rows(sim: Simulation) -> dict[str, list[Any]]:
    """Everything in the file, but for who is alive."""
    with closing(apsw.Connection(str(sim.path))) as file:
        tables = file.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        names = [name for (name,) in tables.fetchall() if name != "workers"]
        return {name: file.execute(f"SELECT * FROM {name}").fetchall() for name in names}


@pytest.mark.parametrize("who", ["the owner", "elsewhere"])
def test_whenever_a_process_dies_the_first_answer_stays_the_first(who: str) -> None:
    """Law: whoever answers next gives the same, or is told of the first; a rejection is no other than an answer."""

    def answers(sim: Simulation) -> None:
        given: list[str] = []
        first: list[str] = []

        def answer(system: ActorSystem) -> None:
            """Each who lives to say it wants something else; then all of them say the first again."""
            given.append(f"answer {len(given)}")
            try:
                system.flows.signal("r", "ask", given[-1])
                first.append(given[-1])
            except AlreadyAnswered as error:
                first.append(error.answer.strip('"'))
            assert set(first) == {first[0]}
            system.flows.signal("r", "ask", first[0])
            with pytest.raises(AlreadyAnswered, match=f'"{first[0]}", of '):
                system.flows.signal("r", "ask", "another")
            with pytest.raises(AlreadyAnswered, match=f'"{first[0]}", of '):
                system.flows.reject("r", "ask")

        def play(system: ActorSystem) -> Report:
            run = system.flows.start(ASKING, run_id="r")
            if not first:
                run.wait()
                if who == "the owner":
                    answer(system)
                else:
                    sim.keep_going(answer)
            sim.advance(1)
            return run.wait()

        report = sim.keep_going(play, actions=[one, echo], recover=True)
        assert first[0] in given
        assert report.outputs == {"last": first[0]}
        sim.keep_going(answer)
        assert rows(sim)["answers"] == rows(sim)["answers"][:1]

    assert explore(answers, seeds=2, crash="every_commit").commits > 4


def test_whenever_a_process_dies_runs_that_wait_for_people_hold_nothing() -> None:
    """Law: whoever has taken them over lets them go when they rest; nothing of them is open, and each can be answered."""

    def rest(sim: Simulation) -> None:
        names = [f"r{at}" for at in range(3)]

        def play(system: ActorSystem) -> None:
            for name in names:
                assert system.flows.start(ASKING, run_id=name).wait().state == "paused"
            sim.advance(15)
            assert not system._hub.active
            assert [len(system.flows.questions(name)) for name in names] == [1, 1, 1]
            assert {system._hub.archive.row(name).owner for name in names} == {None}

        def answer(system: ActorSystem) -> list[Report]:
            return [system.flows.signal(name, "ask", name).wait() for name in names]

        sim.keep_going(play, actions=[one, echo], recover=True)
        reports = sim.keep_going(answer, actions=[one, echo], recover=True)
        assert [report.outputs for report in reports] == [{"last": name} for name in names]

    assert explore(rest, seeds=1, crash="every_commit").commits > 8


def test_while_its_owner_lives_a_run_is_resumed_by_nobody_else() -> None:
    """Law: who asks is told whose it is; once that is dead he has it, and only what death cut off is done again."""
    told: Counter[str] = Counter()

    def resumes(sim: Simulation) -> None:
        began: list[str] = []
        is_right: list[bool] = []

        async def work(name: str) -> str:
            began.append(name)
            await asyncio.sleep(1)
            return name

        names = ("a", "b", "c")
        nodes = [{"id": name, "action": "work", "inputs": {"name": {"value": name}}} for name in names]
        spec = {"name": "f", "config": {"max_parallel_nodes": 1}, "nodes": nodes}
        owner = sim.system(actions=[work])
        with contextlib.suppress(WorkerKilled, SystemClosed):
            owner.flows.start(spec, run_id="r")

        def ask(other: ActorSystem) -> Report:
            while True:
                try:
                    run = other.flows.resume("r")
                except RunOwned as error:
                    is_right.append(sim.is_alive(owner) and error.worker_id == owner._hub.store.worker_id)
                    told["refused"] += 1
                    sim.advance(0.3)
                except RunNotFound:
                    return other.flows.start(spec, run_id="r").wait()
                else:
                    is_right.append(not sim.is_alive(owner) or run.report().state == "succeeded")
                    told["taken"] += not sim.is_alive(owner)
                    return run.wait()

        report = sim.keep_going(ask, actions=[work], recover=False)
        assert all(is_right)
        assert (report.state, set(began)) == ("succeeded", set(names))
        assert len(began) <= len(names) + len(sim.deaths)

    assert explore(resumes, seeds=2, crash="every_commit").commits > 4
    assert told["refused"] > 20
    assert told["taken"] > 4


Refused = tuple[Callable[[ActorSystem], object], type[RequestError]]
REFUSED: dict[str, Refused] = {
    "an answer in no run": (lambda system: system.flows.signal("q", "ask", "x"), RunNotFound),
    "an answer to no node": (lambda system: system.flows.signal("r", "aks", "x"), UnknownNode),
    "an answer to a body": (lambda system: system.flows.signal("r", "first", "x"), NotAsked),
    "an answer of another type": (lambda system: system.flows.signal("r", "ask", 7), AnswerMisfit),
    "an answer after a cancel": (lambda system: system.flows.signal("cancelled", "ask", "x"), NotAsked),
    "a reason too long": (lambda system: system.flows.reject("r", "ask", "x" * 2001), RequestError),
    "a pause of what is over": (lambda system: system.flows.pause("cancelled"), IllegalTransition),
    "a resume of what is over": (lambda system: system.flows.resume("cancelled"), IllegalTransition),
    "a retry of what is not over": (lambda system: system.flows.retry("r", start_from=["aks"]), UnknownNode),
    "a cancel of a node that has ended": (lambda system: system.flows.cancel("r", node="first"), NodeTransition),
    "a fork from what never ran": (lambda system: system.flows.fork("r", start_from=["last"]), NeverRan),
    "a fork as another run": (
        lambda system: system.flows.fork("r", start_from=["first"], run_id="cancelled"),
        RunConflict,
    ),
    "a start as another run": (lambda system: system.flows.start({**ASKING, "name": "g"}, run_id="r"), RunConflict),
}


def test_whenever_a_process_dies_what_is_refused_changes_no_row() -> None:
    """Law: each error is its own before and after a death, the file is as it was, and the run goes on as if nothing was."""

    def refuses(sim: Simulation) -> None:
        refused: list[bool] = []

        def play(system: ActorSystem) -> Report:
            run = system.flows.start(ASKING, run_id="r")
            run.wait()
            other = system.flows.start(ASKING, run_id="cancelled")
            other.cancel()
            if not refused:  # else the answer may be there, and the run go on
                before = rows(sim)
                for act, kind in REFUSED.values():
                    with pytest.raises(kind):
                        act(system)
                    assert rows(sim) == before
                refused.append(True)
            return system.flows.signal("r", "ask", "yes").wait()

        report = sim.keep_going(play, actions=[one, echo])
        assert report.outputs == {"last": "yes"}
        assert {run.run_id for run in sim.keep_going(lambda system: system.flows.runs())} == {"r", "cancelled"}

    assert explore(refuses, seeds=1, crash="every_commit").commits > 6
