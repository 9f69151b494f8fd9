"""What whoever appends to a channel must know of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.core.declarations import ChannelRow

__all__ = ["Outlet"]


class Outlet(msgspec.Struct, frozen=True):
    """What must be known of a channel to append to it.

    Attributes:
        name: Its name.
        capacity: Messages that its slowest subscription may not have done.
        overflow: What is done about one more.
        row: What the database is to be told of it first; None = it has been.
    """

    name: str
    capacity: int
    overflow: Literal["block", "reject"] = "block"
    row: ChannelRow | None = None
