"""What becomes of a turn in which something was raised."""

from __future__ import annotations

from dagger_actors.bodies.error_detail import detail_of
from dagger_actors.bodies.of_disk import OF_THE_DISK
from dagger_actors.core.turns import TurnFailed
from dagger_actors.errors import (
    DeliveryRefused,
    Fatal,
    GivenRefused,
    SubscriberStateUnreadable,
)

__all__ = ["failed"]


def failed(error: BaseException, *, is_wrong: bool = False) -> TurnFailed:
    """Say how it failed.

    Args:
        error: What was raised.
        is_wrong: Whether what the handler gave cannot be taken, which another try would not change.
    """
    return TurnFailed(
        detail_of(error),
        is_fatal=is_wrong or isinstance(error, Fatal | GivenRefused),
        is_refused=isinstance(error, DeliveryRefused),
        is_unreadable=isinstance(error, SubscriberStateUnreadable),
        is_of_disk=isinstance(error, OF_THE_DISK),
    )
