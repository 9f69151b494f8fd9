"""Random actor systems in virtual time: every make of actor, told, asked, timed, watched, killed, ended and begun anew.

``DAGGER_SEED=17 DAGGER_SEEDS=1 pytest tests/simulation/test_actor_laws.py`` repeats one play.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.actor_stage import Stage

SLICE = 150
FULL = 10_000
REPEATED = 5
"""In the slice every so-manieth play is played twice."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of failures are what is played here; their tracebacks would be most of the work."""
    logger = logging.getLogger("dagger_actors.actors")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


def seeds(count: int) -> range:
    first = int(os.environ.get("DAGGER_SEED", "0"))
    return range(first, first + int(os.environ.get("DAGGER_SEEDS", str(count))))


def play(seed: int) -> list[str]:
    stage = Stage(seed)
    try:
        return stage.play()
    except BaseException as error:
        error.add_note(f"simulation seed: {seed}; the end of its journal:\n" + "\n".join(stage.journal[-30:]))
        raise


def digest(of: range) -> str:
    return hashlib.sha256("\n".join(line for seed in of for line in play(seed)).encode()).hexdigest()


def test_whatever_actors_do_to_each_other_no_law_is_broken() -> None:
    """Law: sent = handled + in hand + undelivered + queued at every rest; each sender's order is kept; nobody handles two
    messages at once; every ask is answered, and once; nothing of an incarnation that is over runs; nothing is left behind.
    """
    for seed in seeds(SLICE):
        trace = play(seed)
        if seed % REPEATED == 0:
            assert play(seed) == trace


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_ten_thousand_systems_of_actors_keep_the_laws_and_repeat_byte_for_byte() -> None:
    """The same, in full, each twice."""
    for seed in seeds(FULL):
        assert play(seed) == play(seed)


def test_a_seed_gives_the_same_play_in_another_process() -> None:
    """Law: a failure can be repeated elsewhere: nothing depends on the hashes or the addresses of one process."""
    code = "from tests.simulation.test_actor_laws import digest, logging; logging.disable(); print(digest(range(20)))"
    root = Path(__file__).parents[2]
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    }
    assert digests == {digest(range(20)) + "\n"}
