"""What tests of users' actors share: a house in virtual time or on real threads, and a parent that does as it is told."""

from __future__ import annotations

import contextlib
import itertools
import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dagger_actors.actors.runtime import ThreadRuntime
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.house import House
from dagger_actors.supervised.ref import Ref
from dagger_actors.supervised.undelivered import Undelivered
from dagger_actors.testing.virtual import VirtualRuntime
from dagger_actors.testing.world import World

PATIENCE_S = 20.0
"""How long a test waits for what must happen; only a failing test waits that long."""


class Keeper:
    """A parent that writes down what it hears, and begins or closes its children only when it is told to.

    Attributes:
        heard: What happened, in order: (actor, what, incarnation, kind or error).
        then: Called when an incarnation is over.
    """

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[tuple[str, str, int, object]] = queue.SimpleQueue()
        self.then: Callable[[Cell, int], None] = lambda _cell, _incarnation: None

    def child_started(self, cell: Cell, incarnation: int) -> None:
        self.heard.put((cell.name, "started", incarnation, None))

    def child_failed_to_start(self, cell: Cell, incarnation: int, error: BaseException) -> None:
        self.heard.put((cell.name, "failed to start", incarnation, error))
        self.then(cell, incarnation)

    def child_exited(self, cell: Cell, incarnation: int, kind: str, error: BaseException | None) -> None:
        self.heard.put((cell.name, "exited", incarnation, kind if error is None else error))
        self.then(cell, incarnation)

    def hear(self) -> tuple[str, str, int, object]:
        return self.heard.get(timeout=PATIENCE_S)

    def has_heard(self) -> list[tuple[str, str, int, object]]:
        """All until now."""
        heard = []
        with contextlib.suppress(queue.Empty):
            while True:
                heard.append(self.heard.get_nowait())
        return heard


class Stage:
    """A house and what surrounds it.

    Attributes:
        events: Undelivered mail, as it is told.
        keeper: The parent of kept actors.
    """

    def __init__(self, runtime: Any) -> None:
        self.events: list[Undelivered] = []
        self.runtime = runtime
        self.house = House(runtime, listen=self.events.append)
        self.keeper = Keeper()
        self._names = itertools.count(1)

    def spawn(self, cls: type[Actor], config: object = None, **options: Any) -> Ref:
        return self.house.spawning.spawn(cls, config, **options)

    def keep(self, cls: type[Actor], *, capacity: int = 1_000, overflow: Any = "block") -> Ref:
        """Begin an actor whose parent is the keeper."""
        bound = MailboxSpec(capacity=capacity, overflow=overflow)
        cell = self.house.spawning.cell_of(
            cls, None, name=f"kept-{next(self._names)}", mailbox=bound, parent=self.keeper
        )
        cell.begin(1)
        return Ref(cell)

    def reasons(self) -> list[tuple[str, str]]:
        """Of undelivered mail, message and reason."""
        return [(event.message, event.reason) for event in self.events]


class VirtualStage(Stage):
    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        super().__init__(VirtualRuntime(self.world, "w1"))

    def settle(self) -> None:
        """Go on until time would have to pass."""
        self.world.settle()

    def advance(self, seconds: float) -> None:
        self.world.advance(seconds)


@pytest.fixture
def stage(seed: int) -> Iterator[VirtualStage]:
    """Actors in virtual time."""
    made = VirtualStage(seed)
    yield made
    made.world.close()


@pytest.fixture
def threads() -> Iterator[Stage]:
    """Actors on real threads."""
    made = Stage(ThreadRuntime())
    yield made
    made.house.close(0.0)
    made.runtime.close(PATIENCE_S)
