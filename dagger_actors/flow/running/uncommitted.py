"""What the supervisor of a run has decided and the journal has not written, in order, and what follows when it has.

The machine runs ahead of the disk: while one draft is being written, those behind it gather in one. They stand on each
other, so when one is refused nothing more is written; all of them stay until the run has been rebuilt, to be told again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from dagger_actors.core.flow_messages import Reopen
from dagger_actors.core.messages import encode
from dagger_actors.core.protocols import Unit
from dagger_actors.flow.running.draft import Draft
from dagger_actors.flow.running.emitter import Emitter
from dagger_actors.flow.running.handover import Services

__all__ = ["Uncommitted"]


class Uncommitted:
    """Drafts on their way; implements ``core.protocols.Owner``.

    Args:
        services: What all supervisors share.
        emitter: Lets out what follows from a draft.
        tell: Puts an encoded message into the supervisor's mailbox; any thread.

    Attributes:
        refused: Why nothing is written until the run has been rebuilt; None = all is well.
    """

    def __init__(self, services: Services, emitter: Emitter, tell: Callable[[bytes], None]) -> None:
        self._services = services
        self._emitter = emitter
        self._tell = tell
        self._lock = threading.Lock()
        self._ready: Draft | None = None
        self._in_flight: list[Draft] = []
        self.refused: Exception | None = None

    # --- on the supervisor's thread

    def hand_over(self, draft: Draft) -> None:
        """Let the journal have a draft, which is no longer this thread's."""
        with self._lock:
            if self._ready is None:
                self._ready = draft
            else:
                self._ready.merge(draft)
        self._services.journal.wake(self)

    def take_back(self) -> list[Draft]:
        """All that is not known to be written, in order: of what the journal has by now, some may yet be."""
        with self._lock:
            ready, self._ready = self._ready, None
            return [*self._in_flight, *([ready] if ready else [])]

    def begin_anew(self) -> None:
        """The run has been rebuilt: the journal has answered whatever it had, and what it refused is told again."""
        with self._lock:
            self._in_flight = []
        self.refused = None

    # --- on the journal's thread

    def take_unit(self) -> Unit | None:
        """Hand over what is ready."""
        with self._lock:
            if self.refused is not None:
                return None  # it builds on what was refused: it stays, and is told again with that
            draft, self._ready = self._ready, None
            if draft is None:
                return None
            self._in_flight.append(draft)
        return Unit(
            draft.writes(),
            lambda: self._committed(draft),
            self._rejected,
            draft.work,
            lambda: self.refused is not None,
            draft.answers.extend,
        )

    def _committed(self, draft: Draft) -> None:
        with self._lock:
            if draft.is_late and self.refused is not None:
                return  # the end before it was refused: it stays in flight, and is told again with it
            self._in_flight.remove(draft)
        for work, answer in zip(draft.work, draft.answers, strict=True):
            if work.published:
                self._services.appended(work.published, answer)
        try:
            self._emitter.let_out(draft)
        except Exception as error:
            # It is stored, and half of what follows from it is out: the file knows what is still to be done.
            if not draft.is_last:
                self._rejected(error)
            raise

    def _rejected(self, error: Exception) -> None:
        self.refused = error
        self._tell(encode(Reopen(str(error))))
