"""The keys that a mapping of the file format may have, and where one belongs that stands in the wrong mapping."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping

import msgspec

from dagger_actors.reading.tree import Fields

__all__ = ["Keys"]


class Keys(msgspec.Struct, frozen=True, dict=True):
    """The keys that a mapping may have.

    Attributes:
        known: Keys that are read.
        required: Those of them that must be there.
        stand_ins: Keys that stand in for a required one, which is then not required.
        inside: Those of them whose value is a mapping too, with its keys: one of these may be looked for out here.
    """

    known: Collection[str]
    required: tuple[str, ...] = ()
    stand_ins: Mapping[str, str] = {}
    inside: Mapping[str, Keys] = {}

    def fit(self, entries: Fields) -> bool:
        """Tell, quickly, whether there is nothing to complain of."""
        return self._known.issuperset(entries) and all(key in entries for key in self.required)

    def path_to(self, key: str) -> tuple[str, ...]:
        """Where a key that is not known here is known, further in; empty = nowhere."""
        for outer, keys in self.inside.items():
            if key in keys.known:
                return outer, key
            if path := keys.path_to(key):
                return outer, *path
        return ()

    def stand_ins_of(self, key: str) -> Collection[str]:
        """The keys that stand in for a required one."""
        return [stand_in for stand_in, wanted in self.stand_ins.items() if wanted == key]

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.known)
