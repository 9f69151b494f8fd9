"""``system.actors``: the actors of one system, as its users see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagger_actors.errors import SystemClosed
from dagger_actors.supervised.ref import Ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.traits import MailboxSpec
    from dagger_actors.supervised.undelivered import Reason, Undelivered

__all__ = ["Actors"]


class Actors:
    """The actors of one system."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._is_closed = False

    def spawn(
        self,
        cls: type[Actor],
        config: object = None,
        *,
        name: str | None = None,
        mailbox: MailboxSpec | None = None,
    ) -> Ref:
        """Start a temporary actor: when it ends, for whatever reason, it is gone.

        Args:
            cls: Its class.
            config: For its ``config``: the Struct or a mapping.
            name: Its name in the system; None = made from its class.
            mailbox: Its bound, instead of the class's.

        Returns:
            Its reference. The system keeps it until it stops or the system is left.

        Raises:
            ConfigRefused: The config does not fit the class.
            NameTaken: There is an actor of that name.
            SystemClosed: The system has been left.
        """
        if self._is_closed:
            raise SystemClosed
        return self._house.spawn(cls, config, name=name, mailbox=mailbox)

    def __getitem__(self, name: str) -> Ref:
        """Look an actor up by its name.

        Raises:
            UnknownActor: There is none; suggests the nearest name.
        """
        return self._house.find(name)

    def undelivered(self, limit: int = 1_000) -> tuple[Undelivered, ...]:
        """The last messages that were never handled, the newest last.

        Args:
            limit: How many at most, 1 to 1,000.
        """
        return self._house.mail.last(limit)

    @property
    def undelivered_counts(self) -> Mapping[Reason, int]:
        """How many messages were never handled, by reason."""
        return dict(self._house.mail.counts)

    def close(self, grace_s: float) -> None:
        """Stop them all in good order; for the system that is being left.

        Args:
            grace_s: Seconds for what runs; then it is abandoned.
        """
        self._is_closed = True
        self._house.close(grace_s)
