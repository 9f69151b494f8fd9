"""What many tests share: a simulated world, real systems in a folder of their own, a diary of what ran."""

from __future__ import annotations

import compileall
import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import dagger_actors
from dagger_actors import ActorSystem
from dagger_actors.testing.simulation import Simulation, simulate

# How long an example takes says nothing on a machine that is shared.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 * 2**30
PATIENCE_S = 30.0
"""How long a test waits for what must happen; only a failing test waits that long."""

# Nearly all tests commit to a file, and no process that dies loses what was written; only a power cut does, and those are
# simulated. A disk would make them wait for each commit, some for a minute on a slow day.
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_configure(config: pytest.Config) -> None:
    """Compile the package once, as an installer does: hundreds of tests start a process, and may not write what it compiles."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(dagger_actors.__file__).parent, quiet=2)


class Diary:
    """What bodies did, in order; threads and coroutines may write at once.

    Attributes:
        notes: Everything written, in order.
        most: The largest number of bodies that ran at once.
    """

    def __init__(self) -> None:
        self.notes: list[Any] = []
        self.most = 0
        self._now = 0
        self._changed = threading.Condition()

    def note(self, what: Any) -> None:
        with self._changed:
            self.notes.append(what)
            self._changed.notify_all()

    @contextlib.contextmanager
    def body(self, what: Any) -> Iterator[None]:
        """Note the start of a body and count it as running."""
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self.notes.append(what)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._now -= 1

    def count(self, what: Any) -> int:
        return self.notes.count(what)

    def wait_for(self, what: Any, count: int = 1) -> None:
        """Block until it has been noted so often."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.notes.count(what) >= count, PATIENCE_S), (what, self.notes)


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def seed() -> int:
    """The simulation's seed; a test asks for many with ``@pytest.mark.parametrize("seed", range(20))``."""
    return 0


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where there is one. A simulated death is that of a process, not of the power: that is disk enough."""
    folder = Path(tempfile.mkdtemp(prefix="dagger-sim-", dir=MEMORY if MEMORY.is_dir() else None))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sim(seed: int, memory: Path) -> Iterator[Simulation]:
    """A simulated world."""
    with simulate(seed, memory) as simulation:
        yield simulation


@pytest.fixture
def open_system(tmp_path: Path) -> Iterator[Callable[..., ActorSystem]]:
    """Open real systems, all on one file unless told otherwise; whatever is still open is left at the end of the test."""
    opened: list[ActorSystem] = []

    def open_one(*actions: Any, **options: Any) -> ActorSystem:
        system = ActorSystem(options.pop("db", tmp_path / "runs.db"), actions=actions, **options)
        opened.append(system)
        return system

    yield open_one
    for system in reversed(opened):
        system.stop(grace_s=0)


@pytest.fixture
def actions() -> tuple[Callable[..., Any], ...]:
    """What ``system`` knows; a test module overrides it."""
    return ()


@pytest.fixture
def system(open_system: Callable[..., ActorSystem], actions: tuple[Callable[..., Any], ...]) -> ActorSystem:
    """A real system with real threads."""
    return open_system(*actions)
