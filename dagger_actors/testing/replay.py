"""Which seeds to play and which commit to kill at, as the environment says; and the command that repeats a failure.

``DAGGER_SEED=7`` plays the seed 7 alone, ``DAGGER_SEEDS=1000`` so many seeds instead of those a test asks for (from
``DAGGER_SEED``, else from where the test begins), ``DAGGER_KILL=after:12`` kills the worker after the twelfth commit. The
options ``--dagger-seed``, ``--dagger-seeds`` and ``--dagger-kill`` of pytest set the same.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import Literal, NamedTuple

from dagger_actors.errors import RequestError

__all__ = ["KILL", "SEED", "SEEDS", "Kill", "chosen_kill", "chosen_seeds", "command", "is_chosen"]

SEED = "DAGGER_SEED"
SEEDS = "DAGGER_SEEDS"
KILL = "DAGGER_KILL"

MOST_SEEDS = 10_000_000
LARGEST_SEED = 2**63 - 1


class Kill(NamedTuple):
    """When a worker is killed.

    Attributes:
        commit: The number of the commit, counted over all workers from the start of the simulation, from 1.
        moment: ``before`` it is written, or ``after`` it with nothing of it told to anybody.
    """

    commit: int
    moment: Literal["before", "after"]

    def __str__(self) -> str:
        return f"{self.moment}:{self.commit}"

    @classmethod
    def parse(cls, text: str) -> Kill:
        """Read what ``str`` gives.

        Raises:
            RequestError: It is something else.
        """
        found = re.fullmatch(r"(before|after):([1-9][0-9]{0,8})", text)
        if found is None:
            raise RequestError(
                f"a kill is `before:N` or `after:N`, with the number of a commit from 1, not {text!r:.100}"
            )
        return cls(int(found[2]), "before" if found[1] == "before" else "after")


def is_chosen() -> bool:
    """Tell whether the environment says which seeds to play."""
    return SEED in os.environ or SEEDS in os.environ


def chosen_seeds(asked: int | Sequence[int]) -> Sequence[int]:
    """The seeds to play.

    Args:
        asked: Those a test asks for: so many from 0, or these; 1 or more. The environment may choose others.

    Raises:
        RequestError: That, or the environment, names none.
    """
    seeds = range(asked) if isinstance(asked, int) else asked
    if not 1 <= len(seeds) <= MOST_SEEDS:
        raise RequestError(f"`seeds` is 1 to {MOST_SEEDS:,} seeds, or their number, not {asked!r:.100}")
    first, count = _number(SEED, 0, LARGEST_SEED), _number(SEEDS, 1, MOST_SEEDS)
    if count is not None:
        first = seeds[0] if first is None else first
        return range(first, first + count)
    return seeds if first is None else (first,)


def chosen_kill() -> Kill | None:
    """The kill that the environment asks for.

    Raises:
        RequestError: It cannot be read.
    """
    text = os.environ.get(KILL)
    return None if text is None else Kill.parse(text)


def command(seed: int, kill: Kill | None) -> str:
    """The command that repeats what is running now, with this seed and kill."""
    words = [f"{SEED}={seed}"]
    if kill is not None:
        words.append(f"{KILL}={kill}")
    test = os.environ.get("PYTEST_CURRENT_TEST")
    if test is None:
        return " ".join([*words, shlex.join(sys.orig_argv)])
    return " ".join([*words, "python -m pytest", shlex.quote(test.rpartition(" (")[0])])


def _number(name: str, least: int, most: int) -> int | None:
    text = os.environ.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,20}", text) or not least <= int(text) <= most:
        raise RequestError(f"{name} is a whole number from {least} to {most:,}, not {text!r:.100}")
    return int(text)
