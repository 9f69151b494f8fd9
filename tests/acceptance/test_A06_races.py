"""A06 and A07, two at once: whoever asks for what of one run, each is served or told why not, and the run ends as one of them says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Report
from dagger_actors.errors import AlreadyAnswered, IllegalTransition, NodeTransition, NotAsked, RequestError, RunOwned
from dagger_actors.flow.verbs.flows import Flows

PATIENCE_S = 60
ROUNDS = 6
YES = True
TOLD: tuple[type[RequestError], ...] = (AlreadyAnswered, IllegalTransition, NodeTransition, NotAsked, RunOwned)
"""What one may be told because the other was faster."""


def quick() -> int:
    return 1


def asks(flows: Flows, run_id: str, **approval: Any) -> None:
    nodes = [{"id": "ask", "approval": approval}, {"id": "last", "action": "quick", "dependencies": ["ask"]}]
    flows.start({"name": "f", "nodes": nodes}, run_id=run_id).wait(PATIENCE_S)


def works(flows: Flows, run_id: str) -> None:
    nodes = [{"id": f"n{at}", "action": "quick"} for at in range(30)]
    flows.start({"name": "f", "config": {"max_parallel_nodes": 1}, "nodes": nodes}, run_id=run_id)


def paused(flows: Flows, run_id: str) -> None:
    works(flows, run_id)
    try:
        flows.pause(run_id)
    except IllegalTransition:  # it was faster
        return
    flows.run(run_id).wait(PATIENCE_S)


def due(flows: Flows, run_id: str) -> None:
    asks(flows, run_id, timeout_s=0.02, on_timeout="autopilot", default=True)


Verb = Callable[[Flows, str], object]


def answer(flows: Flows, run_id: str) -> object:
    return flows.signal(run_id, "ask", YES)


def reject(flows: Flows, run_id: str) -> object:
    return flows.reject(run_id, "ask")


def cancel_node(flows: Flows, run_id: str) -> object:
    return flows.cancel(run_id, node="ask")


RACES: dict[str, tuple[Verb, Verb, Verb, set[str]]] = {
    "an answer and a rejection": (asks, answer, reject, {"succeeded", "failed"}),
    "an answer and a cancel": (asks, answer, Flows.cancel, {"succeeded", "cancelled"}),
    "an answer and a pause": (asks, answer, Flows.pause, {"succeeded", "paused"}),
    "an answer and a cancel of its node": (asks, answer, cancel_node, {"succeeded"}),
    "an answer and its time-out": (due, answer, Flows.report, {"succeeded"}),
    "a rejection and the time-out": (due, reject, Flows.report, {"succeeded", "failed"}),
    "a pause and the end": (works, Flows.pause, Flows.report, {"succeeded", "paused"}),
    "a pause and a cancel": (works, Flows.pause, Flows.cancel, {"succeeded", "cancelled"}),
    "two pauses": (works, Flows.pause, Flows.pause, {"succeeded", "paused"}),
    "a cancel and the end": (works, Flows.cancel, Flows.report, {"succeeded", "cancelled"}),
    "two cancels": (works, Flows.cancel, Flows.cancel, {"succeeded", "cancelled"}),
    "two resumes": (paused, Flows.resume, Flows.resume, {"succeeded"}),
    "a resume and a cancel": (paused, Flows.resume, Flows.cancel, {"succeeded", "cancelled"}),
    "a resume and a pause": (paused, Flows.resume, Flows.pause, {"succeeded", "paused"}),
}


def at_rest(flows: Flows, run_id: str, ends: set[str]) -> Report:
    """The run when it has ended as it may; whoever hears of an answer, or of a branch that is cancelled, goes on with it."""
    until = time.monotonic() + PATIENCE_S
    while (report := flows.run(run_id).wait(PATIENCE_S)).state not in ends:
        assert report.state == "paused"
        assert time.monotonic() < until
        threading.Event().wait(0.01)
    return report


@pytest.mark.parametrize("what", RACES)
def test_two_who_want_something_of_a_run_at_once_are_both_served_or_told(tmp_path: Path, what: str) -> None:
    """Law: real threads and two systems on one file: no other error, nobody hangs, and the run is at rest as one said."""
    prepare, first, second, ends = RACES[what]
    with (
        ActorSystem(tmp_path / "a.db", actions=[quick]) as here,
        ActorSystem(tmp_path / "a.db", actions=[quick]) as there,
    ):
        for at in range(ROUNDS):
            run_id = f"r{at}"
            prepare(here.flows, run_id)
            together, told = threading.Barrier(2), []

            def ask(
                verb: Verb, flows: Flows, run_id: str = run_id, told: list[Any] = told, both: Any = together
            ) -> None:
                both.wait(PATIENCE_S)
                try:
                    verb(flows, run_id)
                except TOLD as error:
                    told.append(error)
                except BaseException as error:
                    told.append(AssertionError(repr(error)))

            askers = (first, here.flows), (second, (here, there)[at % 2].flows)
            threads = [threading.Thread(target=ask, args=one) for one in askers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE_S)
                assert not thread.is_alive()
            assert all(isinstance(one, TOLD) for one in told), told
            report = at_rest(here.flows, run_id, ends)
            assert len(told) < 2 or prepare is works, "somebody is served, unless the end was faster than both"
            if report.state == "paused":
                assert here.flows.resume(run_id).wait(PATIENCE_S).state == "succeeded"
