"""What a task supervisor keeps while it has no machine: between its crash and the going on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.core.messages import AttemptEnded, decode_from_body
from dagger_actors.tasks.working.orders import ShiftEnds

__all__ = ["Aside"]


class Aside:
    """Keeps messages that still hold when the supervisor goes on.

    Ends of bodies are noted in the bodies' hands, and told again from there. The answers of the journal to the old machine
    are dropped: the file says what came of them.

    Args:
        kept: Classes of messages that are received again.
        note: Told the end of a body, decoded and as it came.
    """

    def __init__(self, kept: tuple[type, ...], note: Callable[[AttemptEnded, bytes], None]) -> None:
        self._kept = kept
        self._note = note
        self._envelopes: list[Envelope[Any]] = []
        self.replies: list[Any] = []

    def put(self, envelope: Envelope[Any]) -> None:
        """Keep a message, if it still holds."""
        message = envelope.message
        if isinstance(message, self._kept):
            self._envelopes.append(envelope)
        elif isinstance(message, ShiftEnds):  # the rest of its shift is given back, as all that has not begun
            for end in message.ends:
                self._put_end(end)
        elif isinstance(message, bytes):
            self._put_end(message)

    def _put_end(self, message: bytes) -> None:
        with contextlib.suppress(msgspec.MsgspecError):  # it may be what the supervisor has crashed on
            ended = decode_from_body(message)
            if isinstance(ended, AttemptEnded):
                self._note(ended, message)

    def put_all(self, envelopes: Iterable[Envelope[Any]], replies: Sequence[Any]) -> None:
        """Keep what a turn has met that crashed, and those who were to be answered by units that are not written."""
        for envelope in envelopes:
            self.put(envelope)
        self.replies += replies

    def take(self) -> list[Envelope[Any]]:
        """Hand the messages over, in order."""
        envelopes, self._envelopes = self._envelopes, []
        return envelopes
