"""Random actor systems on real threads that are switched at nearly every step: the laws of ``test_actor_laws`` hold there too.

Seeds decide who is there; what happens when is the machine's, so a failure comes back only by and by:
``DAGGER_SEED=17 DAGGER_SEEDS=1 DAGGER_TIMES=200 pytest tests/simulation/test_actor_threads.py``.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator

import pytest

from dagger_actors.supervised import overflow, ref
from tests.simulation.thread_stage import ThreadStage

SLICE = 80
FULL = 2_000
SWITCH_S = 1e-6


class Listener(logging.Filter):
    """Shows nothing of the thousands of failures that are played here, and keeps those that are the runtime's own."""

    OWN = ("a turn of", "a timer failed", "a callback of a reply failed", "the listener of", "a callback or task")

    def __init__(self) -> None:
        super().__init__()
        self.defects: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith(self.OWN):
            self.defects.append(logging.Formatter().format(record))
        return False


@pytest.fixture(autouse=True)
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """Hears what the runtime logs; whoever waits for room waits for a moment only."""
    monkeypatch.setattr(overflow, "BLOCK_S", 0.01)
    monkeypatch.setattr(ref, "BLOCK_S", 0.01)
    made = Listener()
    logger = logging.getLogger("dagger_actors.actors")
    logger.addFilter(made)
    yield made
    logger.removeFilter(made)


def play(seed: int, listener: Listener) -> None:
    stage = ThreadStage(seed, defects=listener.defects)
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        stage.play()
    except BaseException as error:
        error.add_note(f"seed of the threads: {seed}; {stage.complaints} {listener.defects}")
        raise
    finally:
        sys.setswitchinterval(before)


def seeds(count: int) -> Iterator[int]:
    first = int(os.environ.get("DAGGER_SEED", "0"))
    for _ in range(int(os.environ.get("DAGGER_TIMES", "1"))):
        yield from range(first, first + int(os.environ.get("DAGGER_SEEDS", str(count))))


def test_whatever_threads_come_between_no_law_is_broken(listener: Listener) -> None:
    """Law: sent = handled + undelivered + queued at every rest; each sender's order is kept; nobody handles two messages at
    once; every ask ends; no timer, watch or child is left by an incarnation that is over.
    """
    for seed in seeds(SLICE):
        play(seed, listener)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_two_thousand_systems_of_actors_on_real_threads_keep_the_laws(listener: Listener) -> None:
    """The same, in full."""
    for seed in seeds(FULL):
        play(seed, listener)
