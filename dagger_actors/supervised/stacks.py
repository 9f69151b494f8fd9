"""Where the code of an actor stands at this moment: in another thread, or in a coroutine that awaits."""

from __future__ import annotations

import sys
import traceback
from types import CodeType, FrameType
from typing import Any, NamedTuple

__all__ = ["Place", "of_coroutine", "of_thread"]

_PACKAGE = __file__.rpartition("dagger_actors")[0] + "dagger_actors/"

DEEPEST = 50
"""Frames told at most, the innermost ones."""


class Place(NamedTuple):
    """Where it stands.

    Attributes:
        frame: That of the method which was called; None = it is in none.
        message_type: Name of the class of the message in hand; empty = it is none.
        handler: The method.
        stack: The frames from there inwards, as a traceback shows them.
    """

    frame: FrameType | None
    message_type: str
    handler: str
    stack: str


NOWHERE = Place(None, "", "", "")


def of_thread(thread: int, turn: object, entries: frozenset[CodeType]) -> Place:
    """Look at a turn on a thread.

    Args:
        thread: Its identity.
        turn: The turn.
        entries: The code that takes turns: the innermost frame of it on the thread must be that turn's.
    """
    frames: list[FrameType] = []
    frame = sys._current_frames().get(thread)  # noqa: SLF001  CPython's own word for it, documented
    while frame is not None and frame.f_code not in entries:
        frames.append(frame)
        frame = frame.f_back
    if frame is None or frame.f_locals.get("turn") is not turn:
        return NOWHERE
    frames.append(frame)
    frames.reverse()
    first = next((at for at, one in enumerate(frames) if not one.f_code.co_filename.startswith(_PACKAGE)), None)
    if first is None:
        return NOWHERE  # between two messages
    message_type = next(filter(None, map(_message_type, reversed(frames[:first]))), "")
    own = frames[first:][-DEEPEST:]
    stack = "".join(traceback.format_list(traceback.StackSummary.extract((one, one.f_lineno) for one in own)))
    return Place(frames[first], message_type, frames[first].f_code.co_qualname, stack)


def _message_type(frame: FrameType) -> str:
    """The class of the message that a frame of ours has in hand."""
    found = frame.f_locals
    letters = found.get("letters") or ((found["letter"],) if "letter" in found else ())
    kind: Any = found.get("kind") or (letters[0][0] if letters else None)
    return "" if kind is None else str(kind.__name__)


def of_coroutine(coroutine: Any) -> str:
    """The frames of a coroutine and of what it awaits, outermost first."""
    frames: list[FrameType] = []
    while coroutine is not None and len(frames) < DEEPEST:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            break
        frames.append(frame)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return "".join(traceback.format_list(traceback.StackSummary.extract((one, one.f_lineno) for one in frames)))
