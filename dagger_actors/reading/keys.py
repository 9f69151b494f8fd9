"""The keys that a mapping of a file format may have."""

from __future__ import annotations

import functools
from collections.abc import Collection

import msgspec

from dagger_actors.reading.tree import Fields

__all__ = ["Keys"]


class Keys(msgspec.Struct, frozen=True, dict=True):
    """The keys that a mapping may have.

    Attributes:
        known: Keys that are read.
        required: Those of them that must be there.
        later: Keys of the file format that this version does not support yet.
    """

    known: Collection[str]
    required: tuple[str, ...] = ()
    later: Collection[str] = ()

    def fit(self, entries: Fields) -> bool:
        """Tell, quickly, whether there is nothing to complain of."""
        return self._known.issuperset(entries) and all(key in entries for key in self.required)

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.known)
