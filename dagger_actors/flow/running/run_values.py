"""The values of runs' namespaces in the store."""

from __future__ import annotations

import msgspec

from dagger_actors.bodies.publications import PUBLISH, Messages
from dagger_actors.bodies.shared import SHARED, StoredShared
from dagger_actors.core.protocols import Clock
from dagger_actors.flow.actions.additions import GROW
from dagger_actors.flow.actions.run_cache import VALUE
from dagger_actors.flow.running.growing import GrowthReader
from dagger_actors.store.store import Store

__all__ = ["RunValues"]

_run_and_key = msgspec.msgpack.Decoder(tuple[int, str])


class RunValues:
    """Implements ``bodies.backends.OwnerSource`` for flows.

    Args:
        store: The open database.
        messages: Answers what actions publish.
        growth: Answers what they add to their runs.
        clock: The time: what has expired of the shared state is not there any more.
    """

    def __init__(self, store: Store, messages: Messages, growth: GrowthReader, *, clock: Clock) -> None:
        self._shared = StoredShared(store.readers.query, lambda: clock.now().wall_us)
        self._growth = growth
        self._messages = messages
        self._store = store

    def ask(self, question: str, arguments: bytes) -> bytes:
        """Give one value of a run's namespace, as JSON text, None when there is none; or a shared one; or make a message, or nodes.

        Raises:
            UnknownChannel, PublicationRefused, RequestError: A message cannot be published.
            GrowthRefused: Nodes cannot be added.
            LookupError: Something else is asked for.
        """
        if question == PUBLISH:
            return self._messages.answer(arguments)
        if question == GROW:
            return self._growth.answer(arguments)
        if question == SHARED:
            return self._shared.answer(arguments)
        if question != VALUE:
            raise LookupError(f"nobody answers {question!r}")
        rows = self._store.readers.query("read.run_value", *_run_and_key.decode(arguments))
        return msgspec.msgpack.encode(rows[0][0].encode() if rows else None)
