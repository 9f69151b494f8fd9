"""How a system's task agents stand: what is at rest has been counted."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from dagger_actors import ActorSystem, task_agent
from dagger_actors.tasks.machine.events import End
from dagger_actors.tasks.working.tally import TaskTally

PATIENCE_S = 30


@task_agent
def plain(number: int) -> int:
    return number


def test_what_is_at_rest_has_been_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: between the commit of an end and its count, the file says that all is done, and the process does not yet."""
    is_committed, may_count = threading.Event(), threading.Event()
    count = TaskTally.count

    def late(tally: TaskTally, ends: Iterable[End]) -> None:
        is_committed.set()
        assert may_count.wait(PATIENCE_S)
        count(tally, ends)

    with ActorSystem(tmp_path / "a.db", agents=[plain]) as system:
        monkeypatch.setattr(TaskTally, "count", late)
        task = system.tasks.submit(plain, 1)
        assert is_committed.wait(PATIENCE_S)
        assert task.report().state == "completed"
        assert not system.tasks.is_at_rest()
        may_count.set()
        assert system.run_until(timeout=PATIENCE_S).reason == "quiescent"
        assert system.tasks.is_at_rest()
        assert [one.completed for one in system.tasks.standing()] == [1]
