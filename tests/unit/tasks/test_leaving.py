"""Leaving gives back what has not begun, as if it had never been leased."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dagger_actors import ActorSystem, task_agent
from dagger_actors.actors.gate import Gate
from dagger_actors.actors.ticket import Ticket
from dagger_actors.bodies.body import BodyActor

PATIENCE_S = 20


def test_what_has_a_place_and_has_not_begun_is_given_back_and_never_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: only at-most-once work whose body may have begun is parked; a place alone is no beginning."""
    ran: list[int] = []
    has_place, is_over = threading.Event(), threading.Event()
    begin, cancel = Gate.begin, BodyActor.cancel

    def begin_late(gate: Gate, ticket: Ticket) -> None:
        has_place.set()
        assert is_over.wait(PATIENCE_S)
        begin(gate, ticket)

    def cancel_and_go_on(body: BodyActor) -> None:
        cancel(body)
        is_over.set()

    monkeypatch.setattr(Gate, "begin", begin_late)
    monkeypatch.setattr(BodyActor, "cancel", cancel_and_go_on)

    @task_agent(durability="at_most_once")
    def once(task: int) -> None:
        ran.append(task)

    with ActorSystem(tmp_path / "a.db", agents=[once]) as system:
        task = system.tasks.submit(once, 1)
        assert has_place.wait(PATIENCE_S)
        system.stop(grace_s=0)
    assert is_over.is_set()
    with ActorSystem(tmp_path / "a.db", recover=False) as system:
        report = system.tasks.get(task.id).report()
    assert (report.state, report.reason, ran) == ("ready", None, [])
