"""What the triggers on tasks refuse, in this package's words."""

from __future__ import annotations

from typing import Any

import msgspec

from dagger_actors.errors import DaggerError, JobClosed, TaskQueueFull, UnknownAgent

__all__ = ["refusal"]


def refusal(message: str) -> DaggerError | None:
    """Say what a constraint's message means for whoever asked.

    Args:
        message: What SQLite says; the triggers of tasks raise a few words and a JSON array.

    Returns:
        ``TaskQueueFull``, ``UnknownAgent`` or ``JobClosed``; None when it is about something else.
    """
    words, bracket, rest = message.partition("[")
    if not bracket:
        return None
    for beginning, error in _REFUSALS.items():
        if words.endswith(beginning):
            found: list[Any] = msgspec.json.decode(bracket + rest)
            return error(*found)
    return None


_REFUSALS: dict[str, type[UnknownAgent | TaskQueueFull | JobClosed]] = {
    "unknown agent ": UnknownAgent,
    "task queue full ": TaskQueueFull,
    "job closed ": JobClosed,
}
