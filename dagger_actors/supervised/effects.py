"""What a turn of a durable actor does to others, held back until its state is committed.

Whatever sends (``Ref``, ``ActorContext``, ``House.spawn``) asks here whether it is part of such a turn: of the handler's own
thread, of its coroutine, or of a task or thread that ``asyncio`` started for it. A plain thread that a handler starts is
none. What touches the actor alone, its timers and its watches, is not held back: their messages lie in its own mailbox,
which waits for the commit too, and a turn that fails ends the incarnation, whose timers and watches go with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import partial
from typing import TYPE_CHECKING, Any

from dagger_actors.actors.inside import inside
from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import ActorStopped, MailboxFull, TurnRefused
from dagger_actors.supervised.mailbox import handling
from dagger_actors.supervised.wire import fail

if TYPE_CHECKING:
    from dagger_actors.supervised.lifecycle import Lifecycle
    from dagger_actors.supervised.mailbox import Mailbox
    from dagger_actors.supervised.wire import Letter

__all__ = ["Effects", "effects_here", "seen", "send", "turning"]

logger = logging.getLogger("dagger_actors.actors")

MOST = 65_536
"""Effects of one turn."""

OPEN, EMITTED, DROPPED = "open", "emitted", "dropped"


class _Seen:
    """Whether this process has made a durable actor: until then nobody who sends looks any further."""

    __slots__ = ("any",)

    def __init__(self) -> None:
        self.any = False


seen = _Seen()

turning: ContextVar[Effects | None] = ContextVar("turning", default=None)
"""The effects of the turn that this code is part of; may be left over from another actor's, so see ``effects_here``."""


class Effects:
    """What one turn does to others, in order.

    Once they are emitted, what comes late (of a task that outlives its handler) goes out at once; once they are dropped,
    what comes late (of a handler that was killed and does not return) is dropped too.

    Args:
        cell: Whose turn it is.
    """

    __slots__ = ("_entries", "_fate", "_token", "cell")

    def __init__(self, cell: Lifecycle) -> None:
        self.cell = cell
        self._fate = OPEN
        self._entries: list[tuple[Callable[[], object], Callable[[BaseException], object]]] = []

    def __enter__(self) -> None:
        """The code inside, and what it awaits, is the turn's."""
        self._token: Token[Effects | None] = turning.set(self)

    def __exit__(self, *_error: object) -> None:
        turning.reset(self._token)

    @property
    def is_open(self) -> bool:
        """Whether neither has come yet."""
        return self._fate is OPEN

    def add(self, emit: Callable[[], object], drop: Callable[[BaseException], object]) -> None:
        """Hold something back.

        Args:
            emit: Does it, after the commit; must not block.
            drop: Called instead, with the reason, when it is never to be done.

        Raises:
            TurnRefused: The turn has too many effects.
        """
        with self.cell.lock:
            fate = self._fate
            is_too_much = fate is OPEN and len(self._entries) >= MOST
            if fate is OPEN and not is_too_much:
                self._entries.append((emit, drop))
        if is_too_much:
            raise TurnRefused(str(self.cell), f"it sends and starts more than {MOST:,}; do it in several turns")
        if fate is EMITTED:
            emit()
        elif fate is DROPPED:
            drop(ActorStopped(str(self.cell)))

    def post(self, mailbox: Mailbox, letter: Letter) -> None:
        """Hold a letter back.

        Raises:
            MailboxFull: There is no room now, and it rejects. When there is none later, the letter is undelivered.
            TurnRefused: The turn has too many effects.
        """
        if mailbox.overflow == "reject" and mailbox.is_full():
            raise MailboxFull(str(mailbox), mailbox.capacity)
        telemetry = self.cell.post.telemetry
        if telemetry is not None:
            letter = (*letter[:3], telemetry.context())  # of the turn: when it goes out there is none
        self.add(partial(_put, mailbox, letter), partial(_forget, letter))

    def stop(self, mailbox: Mailbox, letter: Letter) -> None:
        """Hold a stop back.

        Raises:
            TurnRefused: The turn has too many effects.
        """
        self.add(partial(_stop, mailbox, letter), partial(_forget, letter))

    def emit(self) -> None:
        """Let all of it out."""
        for emit, _drop in self._end(EMITTED):
            try:
                emit()
            except Exception:  # the turn is committed: the others go out all the same
                logger.exception("an effect of %s failed", self.cell, extra=LogFields(actor=str(self.cell)))

    def drop(self, reason: BaseException) -> None:
        """Never do any of it."""
        for _emit, drop in self._end(DROPPED):
            drop(reason)

    def _end(self, fate: str) -> list[tuple[Callable[[], object], Callable[[BaseException], object]]]:
        with self.cell.lock:
            if self._fate is not OPEN:
                return []
            self._fate = fate
            entries, self._entries = self._entries, []
        return entries


def effects_here() -> Effects | None:
    """The effects that this code's are part of; None when it is in no turn of a durable actor."""
    effects = turning.get()
    # A context is copied by whatever is called back later, so it may be that of a turn that was here before.
    if effects is None or effects.cell is not (inside.turn or handling.get()):
        return None
    return effects


def send(mailbox: Mailbox, letter: Letter) -> None:
    """Put a letter into a mailbox, now or after the commit of the turn that this code is part of."""
    effects = effects_here() if seen.any else None
    if effects is None:
        mailbox.put(letter)
    else:
        effects.post(mailbox, letter)


def _put(mailbox: Mailbox, letter: Letter) -> None:
    try:
        mailbox.put(letter)
    except MailboxFull as error:
        mailbox.refuse(letter, error, "full")


def _stop(mailbox: Mailbox, letter: Letter) -> None:
    try:
        mailbox.push_stop(letter)
    except MailboxFull as error:
        _forget(letter, error)


def _forget(letter: Letter, reason: BaseException) -> None:
    reply: Any = letter[2]
    if reply is not None:
        fail(reply, reason)
