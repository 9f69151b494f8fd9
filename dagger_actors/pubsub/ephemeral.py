"""Channels of which nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.errors import RequestError
from dagger_actors.pubsub.wired import Wiring

__all__ = ["Ephemeral"]


class Ephemeral:
    """Hands messages to the subscribers of this process, in memory.

    Args:
        wiring: What is declared.

    Raises:
        RequestError: A channel is ephemeral.
    """

    def __init__(self, wiring: Wiring) -> None:
        for one in (*wiring.channels.values(), *wiring.patterns):
            if one.ephemeral:
                raise RequestError(f"the channel {one.name} is ephemeral, which no channel can be yet; leave it out")

    def publish(self, messages: Sequence[NewMessage], *, waits: bool, until_us: int) -> NoReturn:
        """Refuse."""
        raise AssertionError((messages, waits, until_us))

    def hand_over(self, messages: Sequence[NewMessage]) -> NoReturn:
        """Refuse."""
        raise AssertionError(messages)
