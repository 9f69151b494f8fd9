"""Which messages a handler takes, and the key of each: the same for those that are stored and those that are not.

What cannot be read is taken, and without a key: whoever takes its turn refuses it, and says why.
"""

from __future__ import annotations

import msgspec

from dagger_actors.core.channel_rows import NO_KEY
from dagger_actors.errors import DaggerError
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind

__all__ = ["key_in", "passes"]

UNREADABLE = (DaggerError, msgspec.MsgspecError, ValueError, TypeError)


def key_in(handler: HandlerKind, given: str | None, payload: bytes) -> str:
    """The key of a message.

    Args:
        handler: Says whether it has one, and where.
        given: What its publisher has said of it, whatever its fields say; None = nothing.
        payload: The message as JSON.
    """
    if handler.key_of is None:
        return ""
    if given is not None:
        return given
    try:
        return handler.key_of(payload)
    except UNREADABLE:
        return NO_KEY


def passes(handler: HandlerKind, payload: bytes) -> bool:
    """Tell whether a message passes the filter."""
    if handler.filter_of is None:
        return True
    try:
        return handler.filter_of(payload)
    except UNREADABLE:
        return True
