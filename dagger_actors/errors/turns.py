"""Errors of the turns that handlers of subscribers take: what their code did, and what their file holds."""

from __future__ import annotations

from dagger_actors.errors.action import ActionError
from dagger_actors.errors.actor import ActorError

# --- user code


class DeliveryRefused(ActionError):
    """A message that does not fit what the handler takes; it is not tried again.

    Args:
        subscription: ``GROUP.HANDLER``.
        message: ``CHANNEL/OFFSET``.
        reason: What is wrong with it, with the path to the bad field.
    """

    def __init__(self, subscription: str, message: str, reason: str) -> None:
        self.subscription = subscription
        self.message = message
        self.reason = reason
        super().__init__(subscription, message, reason)

    def __str__(self) -> str:
        return (
            f"the message {self.message} does not fit what {self.subscription} takes: {self.reason}; correct the handler's "
            f"annotation and redrive it, or correct whoever publishes"
        )


class GivenRefused(ActionError):
    """Something that a handler gave to be published and that it may not; it is not tried again.

    Args:
        subscription: ``GROUP.HANDLER``.
        given: Name of the class of what it gave.
        reason: Why not, and what to do.
    """

    def __init__(self, subscription: str, given: str, reason: str) -> None:
        self.subscription = subscription
        self.given = given
        self.reason = reason
        super().__init__(subscription, given, reason)

    def __str__(self) -> str:
        return f"{self.subscription} gave {self.given} to be published: {self.reason}"


class PublicationUndeclared(ActionError):
    """A handler publishes to a channel that its subscription does not declare.

    Args:
        subscription: ``GROUP.HANDLER``.
        channel: The channel's name.
        declared: What it does declare.
        near: The nearest of these; empty = none is near.
    """

    def __init__(self, subscription: str, channel: str, declared: tuple[str, ...], near: str = "") -> None:
        self.subscription = subscription
        self.channel = channel
        self.declared = declared
        self.near = near
        super().__init__(subscription, channel, declared, near)

    def __str__(self) -> str:
        declared = f"it declares {', '.join(map(repr, self.declared))}" if self.declared else "it declares none"
        advice = f"did you mean {self.near!r}?" if self.near else "write it to the `publishes` of the subscription"
        return f"{self.subscription} publishes to {self.channel!r}, and {declared}; {advice}"


class TurnLimit(ActionError):
    """A turn does more than one may.

    Args:
        subscription: ``GROUP.HANDLER``.
        reason: What there is too much of, and what to do.
    """

    def __init__(self, subscription: str, reason: str) -> None:
        self.subscription = subscription
        self.reason = reason
        super().__init__(subscription, reason)

    def __str__(self) -> str:
        return f"a turn of {self.subscription} does too much: {self.reason}"


class TimerRefused(ActionError):
    """A timer that a handler cannot set.

    Args:
        timer: Its name.
        reason: Why not.
    """

    def __init__(self, timer: str, reason: str) -> None:
        self.timer = timer
        self.reason = reason
        super().__init__(timer, reason)

    def __str__(self) -> str:
        return f"the timer {self.timer!r:.200} cannot be set: {self.reason}"


# --- the actor system


class SubscriberStateUnreadable(ActorError):
    """A stored state that does not fit the subscriber's class; the subscription is paused.

    Args:
        group: The group's name.
        key: Whose state it is; empty = of the one subscriber without key.
        detail: What does not fit.
    """

    def __init__(self, group: str, key: str, detail: str) -> None:
        self.group = group
        self.key = key
        self.detail = detail
        super().__init__(group, key, detail)

    def __str__(self) -> str:
        whose = (
            f"of the key {self.key!r:.200} of the group {self.group!r}" if self.key else f"of the group {self.group!r}"
        )
        return (
            f"the stored state {whose} does not fit its class: {self.detail}; give new fields defaults, or the class a "
            f"`migrate(cls, old)`, and resume the subscription; until then it is paused"
        )
