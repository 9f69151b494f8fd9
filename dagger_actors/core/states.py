"""The state tables of runs and invocations: an illegal transition is a missing pair."""

from __future__ import annotations

from typing import Final, Literal

__all__ = [
    "FINAL_NODE",
    "FINAL_RUN",
    "NODE_TRANSITIONS",
    "RUN_TRANSITIONS",
    "TO_BE_RUN_AGAIN",
    "NodeState",
    "RunState",
    "is_legal",
]

RunState = Literal["pending", "running", "paused", "succeeded", "failed", "cancelled", "timed_out"]
NodeState = Literal[
    "pending", "ready", "running", "waiting", "succeeded", "failed", "skipped", "cancelled", "timed_out", "interrupted"
]

FINAL_RUN: Final[frozenset[str]] = frozenset({"succeeded", "failed", "cancelled", "timed_out"})
FINAL_NODE: Final[frozenset[str]] = frozenset(
    {"succeeded", "failed", "skipped", "cancelled", "timed_out", "interrupted"}
)

TO_BE_RUN_AGAIN: Final = "to be run again"
"""Reason of a row that only says that what has ended is void; where it is ``interrupted``, it never was an attempt."""

RUN_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "pending": frozenset({"running", "paused", "cancelled"}),
    "running": frozenset({"paused", "succeeded", "failed", "cancelled", "timed_out"}),
    "paused": frozenset({"running", "cancelled"}),
    # `retry` opens these again; a succeeded run only when it is told which nodes to run again.
    "failed": frozenset({"running"}),
    "cancelled": frozenset({"running"}),
    "timed_out": frozenset({"running"}),
    "succeeded": frozenset({"running"}),
}

NODE_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "pending": frozenset({"ready", "waiting", "skipped", "running", "failed", "succeeded"}),
    "ready": frozenset({"running", "succeeded", "failed", "skipped", "cancelled", "timed_out", "interrupted"}),
    # The start of `at_most_once` work is committed before it may begin; given back unbegun, it is ready again, or skipped.
    "running": frozenset({"succeeded", "failed", "cancelled", "timed_out", "interrupted", "ready", "skipped"}),
    # For a retry, for a person who releases it, or for something outside: see ``core.awaits``.
    "waiting": frozenset({"ready", "skipped", "cancelled", "failed", "succeeded", "timed_out"}),
    **dict.fromkeys(FINAL_NODE, frozenset[str]()),
}


def is_legal(table: dict[str, frozenset[str]], old: str, new: str) -> bool:
    """Tell whether ``table`` allows the step; staying where one is is always allowed."""
    return old == new or new in table[old]
