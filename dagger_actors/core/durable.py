"""The state of a durable actor: what the end of a turn commits, and when what the turn did may be seen. Pure.

=================  =======================================  =============================================
event              what the book knows                      decision
=================  =======================================  =============================================
an incarnation     the state of the last commit             ``Restore`` it
begins             not, or a commit was under way           ``Read`` what is stored
what is stored     -                                        ``Restore`` it
was found
a turn returned    its state is that of the last commit     ``Emit`` at once
                   it is another                            ``Commit`` it
it is committed    -                                        ``Emit``
it was refused     nothing any more                         ``Drop`` what the turn did; read again
=================  =======================================  =============================================

So nothing a turn did is seen unless the state it led to is stored, or it led to none. A turn that raises leaves the book as
it is: what it did is dropped, and the next incarnation restores the state of the last commit. An incarnation that is killed while
its commit is under way tells no event: whether that state is stored is for the next one to find out, behind that commit.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

__all__ = [
    "FORMAT",
    "Begun",
    "Commit",
    "Committed",
    "Decision",
    "Drop",
    "Emit",
    "Event",
    "Found",
    "Read",
    "Refused",
    "Restore",
    "Returned",
    "StateBook",
]

FORMAT = 1
"""How states are encoded, a column of their rows: 1 = MessagePack, the fields by name."""


class Begun(msgspec.Struct, frozen=True, tag=True):
    """An incarnation begins."""


class Found(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What is stored is this actor's now.

    Attributes:
        state: Its encoding.
        format: How it is encoded.
        epoch: Counts the owners; a write is refused when it is another one's.
    """

    state: bytes
    format: int
    epoch: int


class Returned(msgspec.Struct, frozen=True, tag=True):
    """A turn's code has returned and left this state."""

    state: bytes


class Committed(msgspec.Struct, frozen=True, tag=True):
    """The state that was to be committed is."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The store has refused what was asked of it."""


Event = Begun | Found | Returned | Committed | Refused


class Read(msgspec.Struct, frozen=True, tag=True):
    """Read what is stored, as its owner from then on."""


class Restore(msgspec.Struct, frozen=True, tag=True):
    """Make the instance, with this state."""

    state: bytes
    format: int


class Commit(msgspec.Struct, frozen=True, tag=True):
    """Write this state; until that is known, take no message and let nothing out."""

    state: bytes
    epoch: int


class Emit(msgspec.Struct, frozen=True, tag=True):
    """Let out what the turn did."""


class Drop(msgspec.Struct, frozen=True, tag=True):
    """Forget what the turn did."""


Decision = Read | Restore | Commit | Emit | Drop


class StateBook:
    """What is known of one durable actor's stored state.

    Attributes:
        epoch: That of its ownership; 0 = it never had it.
    """

    __slots__ = ("_committed", "_format", "_pending", "epoch")

    def __init__(self) -> None:
        self.epoch = 0
        self._committed: bytes | None = None
        self._pending: bytes | None = None
        self._format = FORMAT

    def apply(self, event: Event) -> Decision:
        """Decide about one event."""
        match event:
            case Begun():
                if self._pending is not None:
                    self._committed = self._pending = None
                return Read() if self._committed is None else Restore(self._committed, self._format)
            case Found():
                self._committed, self._format, self.epoch = event.state, event.format, event.epoch
                return Restore(event.state, event.format)
            case Returned():
                assert self._committed is not None, "an incarnation begins with what is stored"
                assert self._pending is None, "a turn is over before the next one ends"
                if event.state == self._committed and self._format == FORMAT:
                    return Emit()
                self._pending = event.state
                return Commit(event.state, self.epoch)
            case Committed():
                assert self._pending is not None, "what is committed was to be"
                self._committed, self._pending, self._format = self._pending, None, FORMAT
                return Emit()
            case Refused():
                # It may be there all the same: a commit whose sync failed is known to nobody until it is read again.
                self._committed = self._pending = None
                return Drop()
            case _:
                assert_never(event)
