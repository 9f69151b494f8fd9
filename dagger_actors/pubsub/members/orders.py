"""What the supervisor of a member is told, besides the ends of shifts."""

from __future__ import annotations

import msgspec

from dagger_actors.core.range_leases import Shared
from dagger_actors.pubsub.members.batch import Batch
from dagger_actors.pubsub.members.intake import Cursor

__all__ = [
    "Again",
    "Committed",
    "Denied",
    "Detach",
    "Head",
    "Late",
    "New",
    "Pauses",
    "Reopen",
    "RestAsked",
    "Share",
    "Sharing",
    "Wake",
]


class Share(msgspec.Struct, frozen=True):
    """Members have come or gone, or ranges have changed hands: see what is whose."""


class Sharing(msgspec.Struct, frozen=True):
    """The store's answer to that."""

    answer: Shared


class Head(msgspec.Struct, frozen=True):
    """A channel has messages up to this offset, exclusive."""

    channel_key: int
    next_offset: int


class New(msgspec.Struct, frozen=True):
    """Subscriptions of this member are on channels that are new to them."""

    cursors: tuple[Cursor, ...]


class Pauses(msgspec.Struct, frozen=True):
    """Which subscriptions are paused now."""

    subscriptions: frozenset[str]


class Late(msgspec.Struct, frozen=True):
    """A turn of this shift may have taken too long."""

    shift: int


class Wake(msgspec.Struct, frozen=True):
    """Something may be due; or it has been quiet for a moment."""

    is_settling: bool = False


class Committed(msgspec.Struct, frozen=True):
    """A batch is in the file, and others wait for that."""

    batch: Batch


class Denied(msgspec.Struct, frozen=True):
    """The journal has refused a batch, or dropped it behind a refused one."""

    batch: Batch
    error: Exception


class RestAsked(msgspec.Struct, frozen=True):
    """Answer whether there is nothing to do, nor anything that waits for its time."""


class Again(msgspec.Struct, frozen=True):
    """Hand what could not be written to the journal again."""


class Detach(msgspec.Struct, frozen=True):
    """The system is left: begin nothing, answer when nothing runs any more; with ``now`` give everything back."""

    now: bool = False


class Reopen(msgspec.Struct, frozen=True):
    """Go on with a new machine after a crash: nothing of the old one is on its way any more.

    Attributes:
        cursors: All of the member's.
    """

    cursors: tuple[Cursor, ...]
