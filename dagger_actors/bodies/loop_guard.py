"""Refuses to block a running event loop."""

from __future__ import annotations

import asyncio

from dagger_actors.errors import BlockingCall

__all__ = ["refuse_on_loop"]


def refuse_on_loop(verb: str, instead: str) -> None:
    """Refuse to block a running event loop.

    Raises:
        BlockingCall: This thread runs one; says what to use instead.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise BlockingCall(verb, instead)
