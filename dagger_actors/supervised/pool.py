"""A pool: several actors of one kind under one name; each message goes to one of them."""

from __future__ import annotations

import itertools
import zlib
from functools import reduce
from typing import TYPE_CHECKING, Any

from dagger_actors.errors import MessageRefused
from dagger_actors.supervised.ref import ASK_S, Ref, tell_all

if TYPE_CHECKING:
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.spec import ChildSpec

__all__ = ["Pool"]


class Pool:
    """What messages for a pool are sent to; one of its actors alone is found as ``NAME-1``, ``NAME-2`` and so on.

    By key, equal keys go to the same actor, as long as the number of instances stays the same. In turn, each message goes
    to the next one, be it busy or not; two messages of one sender may overtake each other.

    Attributes:
        name: Its name in the system.
    """

    def __init__(self, house: House, name: str, spec: ChildSpec) -> None:
        self.name = name
        self._house = house
        self._count = spec.instances
        self._path = tuple(spec.key.split(".")) if spec.key else ()
        self._turn = itertools.count()

    def tell(self, message: Any) -> None:
        """Send a message to one of them; as ``Ref.tell``.

        Raises:
            MessageRefused: It cannot be encoded, or has no such key.
            MailboxFull: The mailbox of the one it is for has no room.
        """
        self.ref_for(message).tell(message)

    def tell_all(self, message: Any) -> None:
        """Send a message to each of them; as the function ``tell_all``.

        Raises:
            MessageRefused: It cannot be encoded.
            MailboxFull: One of them had no room; all others have got it.
            UnknownActor: Its supervisor has ended.
        """
        tell_all(self.refs(), message)

    async def atell(self, message: Any) -> None:
        """Send from a coroutine; as ``Ref.atell``."""
        await self.ref_for(message).atell(message)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = ASK_S) -> Any:
        """Ask one of them; as ``Ref.ask``."""
        return self.ref_for(message).ask(message, block=block, timeout=timeout)

    def refs(self) -> tuple[Ref, ...]:
        """Each of them."""
        return tuple(self._house.find_actor(f"{self.name}-{number}") for number in range(1, self._count + 1))

    def ref_for(self, message: object) -> Ref:
        """The one that gets this message.

        Raises:
            MessageRefused: It has no such key.
            UnknownActor: Its supervisor has ended.
        """
        chosen = self._by_key(message) if self._path else next(self._turn)
        return self._house.find_actor(f"{self.name}-{chosen % self._count + 1}")

    def _by_key(self, message: object) -> int:
        try:
            key = reduce(_part, self._path, message)
        except (AttributeError, KeyError, TypeError) as error:
            raise MessageRefused(
                type(message).__name__, f"{self.name} routes by {'.'.join(self._path)}, which it does not have"
            ) from error
        # Not hash(): that of text differs from process to process.
        return zlib.crc32(f"{type(key).__name__}:{key}".encode())

    def __repr__(self) -> str:
        return f"<Pool {self.name} of {self._count}>"


def _part(value: Any, name: str) -> Any:
    return value[name] if isinstance(value, dict) else getattr(value, name)
