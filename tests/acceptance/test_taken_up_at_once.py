"""Several threads of one program take one run up again at the same moment: it goes on once, and each has it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, Run
from dagger_actors.errors import RunOwned
from dagger_actors.flow.verbs.control import Controller
from dagger_actors.flow.verbs.taker import Taker

PATIENCE_S = 60
ROUNDS = 12
THREADS = 4
FLOW = {
    "name": "f",
    "nodes": [{"id": "first", "action": "wait"}, {"id": "last", "action": "act", "inputs": {"n": "first"}}],
}


class Stage:
    """What the runs here do."""

    def __init__(self, path: Path) -> None:
        self.may_go_on = threading.Event()
        self.begun = threading.Event()
        self.is_broken = False
        self.count = 0

        def wait() -> int:
            self.begun.set()
            assert self.may_go_on.wait(PATIENCE_S)
            return 1

        def act(n: int) -> int:
            if self.is_broken:
                raise ValueError("not yet")
            self.count += 1
            return n

        self.system = ActorSystem(path, actions=[wait, act])

    def paused(self) -> Run:
        """A run that has come to rest before its last node."""
        run = self.pausing()
        self.may_go_on.set()
        assert run.wait(PATIENCE_S).state == "paused"
        return run

    def pausing(self) -> Run:
        """A run that pauses as soon as its first node ends."""
        self.may_go_on.clear()
        self.begun.clear()
        run = self.system.flows.start(FLOW)
        assert self.begun.wait(PATIENCE_S)
        run.pause()
        return run

    def failed(self) -> Run:
        """A run that may succeed if it is tried again."""
        self.may_go_on.set()
        self.is_broken = True
        run = self.system.flows.start(FLOW)
        assert run.wait(PATIENCE_S).state == "failed"
        self.is_broken = False
        return run


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    one = Stage(tmp_path / "x.db")
    with one.system:
        yield one
        one.may_go_on.set()


def at_once(ask: Callable[[], Run], patch: pytest.MonkeyPatch, door: type, name: str) -> list[str]:
    """Ask from several threads together; gives the ids of the handles, or what each was told.

    Args:
        ask: What each asks.
        patch: Undone when this returns.
        door: The class whose method none passes before all have come to it: each has looked at the run by then.
        name: The method.
    """
    told: list[str] = []
    barrier = threading.Barrier(THREADS)
    passed = threading.local()
    method = getattr(door, name)

    def together(*args: Any, **options: Any) -> Any:
        if not hasattr(passed, "once"):
            passed.once = True
            barrier.wait(PATIENCE_S)
        return method(*args, **options)

    def one() -> None:
        try:
            told.append(ask().id)
        except RunOwned as error:
            told.append(str(error))

    with patch.context() as inside:
        inside.setattr(door, name, together)
        threads = [threading.Thread(target=one) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
    return told


def test_all_who_resume_a_paused_run_at_once_have_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: of several resumes in one program one has the run go on, and the others have it too."""
    for _ in range(ROUNDS):
        run, before = stage.paused(), stage.count
        assert at_once(run.resume, monkeypatch, Taker, "take") == [run.id] * THREADS
        assert run.result(PATIENCE_S) == {"last": 1}
        assert stage.count == before + 1


def test_all_who_resume_a_run_that_is_about_to_pause_have_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: the same where there is only a pause to call off."""
    for _ in range(ROUNDS):
        run = stage.pausing()
        assert at_once(run.resume, monkeypatch, Controller, "call_off") == [run.id] * THREADS
        stage.may_go_on.set()
        assert run.result(PATIENCE_S) == {"last": 1}


def test_all_who_retry_a_failed_run_at_once_have_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: the same of retries."""
    for _ in range(ROUNDS):
        run, before = stage.failed(), stage.count
        assert at_once(partial(stage.system.flows.retry, run.id), monkeypatch, Taker, "take") == [run.id] * THREADS
        assert run.result(PATIENCE_S) == {"last": 1}
        assert stage.count == before + 1


def test_a_run_that_goes_on_is_not_resumed(stage: Stage) -> None:
    """Law: who resumes what nobody has stopped is told who runs it."""
    stage.may_go_on.clear()
    run = stage.system.flows.start(FLOW)
    assert stage.begun.wait(PATIENCE_S)
    with pytest.raises(RunOwned):
        run.resume()
