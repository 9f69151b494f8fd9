"""A pytest plugin that makes pykka's own test suite run on our plain actor class; loaded with ``-p pooled_runtime``."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pykka
import pytest

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.dispatcher import ThreadDispatcher
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.protocols import Runnable


class CountingDispatcher(ThreadDispatcher):
    turns = 0

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        self.turns += 1
        super().schedule(runnable, here=here)


class PooledActor(Actor):
    dispatcher = CountingDispatcher("pooled", 8)


# On import: the suite's conftest, which takes these names, is loaded before any hook of a plugin runs.
pykka.ThreadingActor = PooledActor
pykka.ThreadingFuture = ReplyFuture


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Those three are about the threads of pykka's own class.
    items[:] = [item for item in items if item.path.name != "test_threading_actor.py"]


@pytest.fixture
def mocker() -> Iterator[Any]:
    """The part of pytest-mock that the suite uses, so that it need not be installed."""
    stack: list[Any] = []

    def patch_object(*args: Any, **kwargs: Any) -> Any:
        patcher = mock.patch.object(*args, **kwargs)
        stack.append(patcher)
        return patcher.start()

    yield SimpleNamespace(
        Mock=mock.Mock,
        MagicMock=mock.MagicMock,
        NonCallableMock=mock.NonCallableMock,
        patch=SimpleNamespace(object=patch_object),
    )
    for patcher in reversed(stack):
        patcher.stop()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    # So that the caller can tell that the suite did run on our class.
    terminalreporter.write_line(f"pooled turns: {PooledActor.dispatcher.turns}")
