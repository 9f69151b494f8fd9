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
    for beginning, (error, facts) in _REFUSALS.items():
        if bracket and words.endswith(beginning):
            try:
                found: DaggerError = error(*facts.decode(bracket + rest))
            except msgspec.MsgspecError:
                return None  # the words of a trigger of a user's own
            return found
    return None


_REFUSALS: dict[str, tuple[Any, msgspec.json.Decoder[Any]]] = {
    "unknown agent ": (UnknownAgent, msgspec.json.Decoder(tuple[str])),
    "task queue full ": (TaskQueueFull, msgspec.json.Decoder(tuple[str, int])),
    "job closed ": (JobClosed, msgspec.json.Decoder(tuple[str])),
}
