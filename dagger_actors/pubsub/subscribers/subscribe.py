"""``@subscribe``: which method takes the messages of which channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, Unpack

from dagger_actors.errors import ActorClassError
from dagger_actors.pubsub.subscribers.options import GivenOptions

__all__ = ["SUBSCRIBED", "Subscribed", "subscribe"]

SUBSCRIBED = "__dagger_subscribed__"

F = TypeVar("F", bound=Callable[..., Any])


class Subscribed(NamedTuple):
    """What ``@subscribe`` leaves on a method: the options as they were given, with ``channels`` among them."""

    given: dict[str, object]


def subscribe(*channels: str, **options: Unpack[GivenOptions]) -> Callable[[F], F]:
    """Mark a method of a ``Subscriber`` as the handler of channels.

    ``@subscribe("raw.*", publishes="notes")`` on ``def read(self, page: Page, ctx: TurnContext) -> Note | None``: it is called
    with each message of the type of its annotation, a union takes each of its members; what it returns is published to
    ``publishes``, each item of a list or of a generator by itself. It may be ``async``, and the context is optional. With
    ``batch=`` it takes a list: ``notes: list[Note]``.

    Args:
        *channels: Their names; patterns with ``*`` for any text without a dot.
        **options: Of ``SubscribeOptions``; ``try_count`` is the ``tries`` of ``retry``, ``start`` may be an offset or a
            ``datetime``, ``filter`` a mapping in the words of a flow's ``when`` with ``field`` for ``reference``.

    Raises:
        ActorClassError: It is used without parentheses. What else is wrong is told when the class is made.
    """
    if len(channels) == 1 and callable(channels[0]):
        raise ActorClassError("@subscribe", 'it needs a channel: @subscribe("orders")')

    def mark(marked: F) -> F:
        if not callable(marked) or isinstance(marked, type):
            raise ActorClassError(repr(marked)[:100], "@subscribe marks methods of a Subscriber")
        setattr(marked, SUBSCRIBED, Subscribed({"channels": channels, **options}))
        return marked

    return mark
