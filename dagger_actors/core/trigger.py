"""Trigger rules: whether a node runs, once everything it depends on has ended.

The truth table, over how the dependencies ended (a mapped dependency counts once, by its own end; an empty map has
succeeded; ``timed_out`` counts as failed):

| rule | holds when |
| --- | --- |
| ``all_succeeded`` (default) | every dependency succeeded; also without any |
| ``all_done`` | always |
| ``any_succeeded`` | at least one succeeded |
| ``any_failed`` | at least one failed or timed out |
| ``none_failed`` | none failed, timed out or was cancelled: each succeeded or was skipped; also without any |

A rule is asked once, when the last dependency has ended, so it never depends on which ended first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from dagger_actors.core.graph import Tally

__all__ = ["NEEDS_DEPENDENCIES", "TRIGGERS", "Trigger", "holds", "why_not"]

Trigger = Literal["all_succeeded", "all_done", "any_succeeded", "any_failed", "none_failed"]

TRIGGERS: Final[dict[Trigger, Callable[[Tally], bool]]] = {
    "all_succeeded": lambda tally: not tally.unsuccessful,
    "all_done": lambda _tally: True,
    "any_succeeded": lambda tally: tally.succeeded > 0,
    "any_failed": lambda tally: tally.failed + tally.timed_out > 0,
    "none_failed": lambda tally: not (tally.failed or tally.timed_out or tally.cancelled),
}

NEEDS_DEPENDENCIES: Final[frozenset[Trigger]] = frozenset({"any_succeeded", "any_failed"})
"""Rules that can never hold for a node without dependencies."""


def holds(trigger: Trigger, tally: Tally) -> bool:
    """Tell whether a node runs whose dependencies have ended so."""
    return TRIGGERS[trigger](tally)


def why_not(trigger: Trigger) -> str:
    """Say, for a reason that is stored, what a rule missed."""
    missed = {
        "all_succeeded": "a dependency did not succeed",
        "any_succeeded": "no dependency succeeded",
        "any_failed": "no dependency failed",
        "none_failed": "a dependency failed",
        "all_done": "",
    }
    return f"trigger {trigger}: {missed[trigger]}"
