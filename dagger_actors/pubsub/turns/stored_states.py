"""States of subscribers in the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from dagger_actors.store.store import Store

__all__ = ["StoredStates"]

_rows: Final = msgspec.json.Decoder(list[tuple[str, str]])


class StoredStates:
    """Implements ``StateSource``.

    Args:
        store: The open database.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, group_key: int, keys: Sequence[str]) -> dict[str, bytes]:
        """Give those states that there are, by their keys: one read."""
        asked = msgspec.json.encode(list(keys)).decode()
        ((text,),) = self._store.readers.query("read.subscriber_states", group_key, asked)
        return {key: bytes.fromhex(state) for key, state in _rows.decode(text)}
