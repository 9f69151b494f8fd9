"""Dead letters, published again for the subscription that gave them up."""

from __future__ import annotations

from typing import Final

import apsw
import msgspec

from dagger_actors.core.channels import Redrive
from dagger_actors.errors import DeadLetterNotFound
from dagger_actors.store.channel_moving import must_find
from dagger_actors.store.stepping import ask, ask_keys, do, text

__all__ = ["redrive"]

AT_ONCE: Final = 1_000

_rows = msgspec.json.Decoder(list[tuple[int, int, bool]])


def redrive(connection: apsw.Connection, operation: Redrive) -> int:
    """Publish them again; answers how many.

    Raises:
        DeadLetterNotFound: One is not there.
        UnknownSubscription: There is none of that name.
    """
    keys = _chosen(connection, operation)
    if keys:
        letters = text(keys)
        channels = ask(connection, "read.redriven_channels", letters)
        do(connection, "messages.redrive", letters, operation.now_us)
        do(connection, "channels.catch_up", channels)
        do(connection, "dead_letters.redrive", letters, operation.now_us)
    return len(keys)


def _chosen(connection: apsw.Connection, operation: Redrive) -> list[int]:
    name = operation.subscription
    subscription_key = None if name is None else must_find(connection, name).subscription_key
    if operation.dead_letters is None:
        if subscription_key is None:
            return ask_keys(connection, "read.dead_letters_open", AT_ONCE)
        return ask_keys(connection, "read.dead_letters_of", subscription_key, AT_ONCE)
    asked = list(dict.fromkeys(operation.dead_letters))
    found = msgspec.json.decode(ask(connection, "read.dead_letters_named", text(asked)))
    there = {row[0] for row in found}
    for key in asked:
        if key not in there:
            raise DeadLetterNotFound(key)
    return [key for key, whose, is_done in found if not is_done and subscription_key in (None, whose)][:AT_ONCE]
