"""What attempts logged and printed, as their reader gets it."""

from __future__ import annotations

import msgspec

__all__ = ["AttemptLog"]


class AttemptLog(msgspec.Struct, frozen=True):
    """The log of one attempt, in the order of ``read.attempt_logs``.

    Attributes:
        node_id: The node.
        invocation_key: The map item's key; empty for the node itself.
        attempt: From 1.
        state: How the attempt ended.
        text: Its ``ctx.log`` lines, and what it printed if it ran in a process, in the order they came; a gap is marked.
        dropped_bytes: How much the gap holds; 0 without one.
    """

    node_id: str
    invocation_key: str
    attempt: int
    state: str
    text: str
    dropped_bytes: int
