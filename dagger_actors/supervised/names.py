"""The names of one system: which actor, and which pool, has which."""

from __future__ import annotations

import difflib
import threading
from typing import TYPE_CHECKING

from dagger_actors.errors import NameTaken, UnknownActor

if TYPE_CHECKING:
    from dagger_actors.supervised.lifecycle import Lifecycle
    from dagger_actors.supervised.pool import Pool

__all__ = ["Names"]

NEAREST_OF = 4_000
"""Names that are compared at most: a tenth of a second; a system may have a million of them."""


class Names:
    """Who is found under which name.

    Attributes:
        actors: By name; those that have been given none are not here.
        pools: By name; one replaces that of an earlier incarnation of its supervisor.
    """

    def __init__(self) -> None:
        self.actors: dict[str, Lifecycle] = {}
        self.pools: dict[str, Pool] = {}
        self._lock = threading.Lock()

    def claim(self, name: str, cell: Lifecycle) -> None:
        """Give an actor its name.

        Raises:
            NameTaken: Another one has it.
        """
        with self._lock:
            if name in self.actors:
                raise NameTaken(name)
            self.actors[name] = cell

    def free(self, name: str, cell: Lifecycle) -> None:
        """Take the name from an actor, if it is the one that has it."""
        with self._lock:
            if self.actors.get(name) is cell:
                del self.actors[name]

    def actor(self, name: str) -> Lifecycle:
        """Look an actor up.

        Raises:
            UnknownActor: There is none of that name.
        """
        cell = self.actors.get(name)
        if cell is None:
            raise UnknownActor(name, _nearest(name, [*self.pools, *self.actors]))
        return cell


def _nearest(name: str, known: list[str]) -> tuple[str, ...]:
    """One that may have been meant: below a supervisor it has that very name, else the nearest one."""
    below = [one for one in known if one.endswith(f"/{name}")]
    return tuple(below[:1] or difflib.get_close_matches(name, known[:NEAREST_OF], n=1))
