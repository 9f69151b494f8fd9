"""What a handler of a subscriber may ask of the turn it is called in."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Final

import msgspec

from dagger_actors.bodies.backends import StepPlace
from dagger_actors.bodies.context import Surroundings
from dagger_actors.bodies.outputs import to_json
from dagger_actors.bodies.snooze import MAX_SECONDS, is_seconds
from dagger_actors.core.channel_rows import RANGES, NewMessage, NewTimer, private_channel, range_of
from dagger_actors.core.log_fields import LogFields
from dagger_actors.core.messages import StartAttempt
from dagger_actors.core.turns import Delivered, StartTurn
from dagger_actors.core.wording import indefinite, listed, nearest
from dagger_actors.errors import (
    DeliveryRefused,
    OutputError,
    PublicationRefused,
    PublicationUndeclared,
    TimerRefused,
)
from dagger_actors.pubsub.turns.making import MakingContext
from dagger_actors.pubsub.turns.outgoing import LONGEST_NAME, Given, Outgoing, is_name
from dagger_actors.pubsub.turns.standing import Standing
from dagger_actors.pubsub.turns.steps import TurnPlace

__all__ = ["TIMER", "TurnContext"]

logger = logging.getLogger("dagger_actors.run")

TIMER: Final = "timer"
"""The header of a timer's message: its name."""

PUBLISHED: Final = "what ctx.publish is given"
TIMED: Final = "a timer"


class TurnContext(MakingContext):
    """Given to a handler that declares a parameter of this type, behind its message.

    What is of one message is, in a turn of a batch, that of the first.

    Attributes:
        subscription: ``GROUP.HANDLER``.
        group: The group's name.
        key: The key of the turn; empty = it has none.
        channel: The channel of the message.
        offset: Its place there, from 0.
        published_at: When it was published, wall microseconds.
        attempt: Which try this is, from 1: what ``retry`` counts; after a crash it is the same one.
        message_ids: ``CHANNEL/OFFSET`` of each message of the turn, in order.
        idempotency_key: The same for every try.
    """

    def __init__(
        self, start: StartAttempt, around: Surroundings, facts: Standing, turn: StartTurn, outgoing: Outgoing
    ) -> None:
        super().__init__(start, around)
        first = self._first = turn.deliveries[0]
        self.subscription = facts.subscription
        self.group = facts.group
        self.key = turn.key
        self.channel = first.channel
        self.offset = first.offset
        self.published_at = first.published_at
        self._facts = facts
        self._deliveries = turn.deliveries
        self._outgoing = outgoing

    @staticmethod
    def write_log(start: StartAttempt, level: int, message: str) -> None:
        """Write what a turn logged."""
        fields = LogFields(
            subscription=start.action, channel=start.invocation_key, offset=start.item, attempt=start.attempt
        )
        logger.log(
            level, "message %s/%d of %s: %s", start.invocation_key, start.item, start.action, message, extra=fields
        )

    @property
    def idempotency_key(self) -> str:
        """The same for every try: ``delivery/SUBSCRIPTION/CHANNEL/OFFSET``."""
        return f"delivery/{self.subscription}/{self.channel}/{self.offset}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the message; a copy."""
        found: dict[str, str] = {} if self._first.headers is None else msgspec.json.decode(self._first.headers)
        return found

    @property
    def correlation_id(self) -> str | None:
        """What the message has to do with, as its publisher said; goes on to what this turn publishes. None = nothing."""
        return self.headers.get("correlation_id")

    @property
    def message_ids(self) -> tuple[str, ...]:
        """``CHANNEL/OFFSET`` of each message of the turn, in order."""
        return tuple(f"{one.channel}/{one.offset}" for one in self._deliveries)

    # --- what goes out with the turn

    def publish(
        self,
        channel: str,
        message: object,
        key: str | None = None,
        id: str | None = None,  # noqa: A002 - as everywhere that messages are published
        delay: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Publish a message with the commit of this turn; of a turn that fails nothing is published.

        Args:
            channel: One that the subscription declares in its ``publishes``.
            message: What the channel takes, at most 1 MiB of JSON.
            key: Says which lane it takes, whatever its fields say.
            id: Unique on its channel while it is kept there: a second one is the first one.
            delay: Seconds, up to a year.
            headers: Texts by name, besides ``correlation_id`` and those of the trace, which go on from the message.

        Raises:
            PublicationUndeclared: The subscription does not declare the channel.
            PublicationRefused: The channel does not take the message, or what is given with it cannot be.
            TurnLimit: These are more than 10,000 messages, or 16 MiB.
            AttemptOver: The turn has ended.
        """
        self._end.refuse(PUBLISHED)
        facts = self._facts
        if not isinstance(channel, str) or not facts.may_publish(channel):
            near = nearest(str(channel), facts.declared) or ""
            raise PublicationUndeclared(facts.subscription, str(channel), facts.declared, near)
        name, text = facts.publisher.encode(channel, message)
        if (id is not None or delay is not None) and facts.publisher.is_ephemeral(channel):
            reason = "the channel is ephemeral: it keeps nothing for later, and knows no message by its id"
            raise PublicationRefused(channel, reason, "leave id and delay out")
        given = Given(key=key, id=id, delay=delay, headers=headers)
        now_us = self._clock.now().wall_us
        self._end.keep(PUBLISHED, self._outgoing.publish, channel, name, text, given, now_us)

    def set_timer(self, name: str, seconds: float, message: object) -> None:
        """Have a message handled later by the ``@handler`` of its class, with the key and state of this turn.

        It is set with the commit of this turn, and survives restarts. Setting it again replaces it.

        Args:
            name: Unique for the key; 1 to 200 printable characters.
            seconds: From now on, 0 to a year.
            message: An instance of what a ``@handler`` of the class takes.

        Raises:
            TimerRefused: One of these cannot be.
            TurnLimit: These are more than 10,000 timers, or 16 MiB.
            AttemptOver: The turn has ended.
        """
        self._end.refuse(TIMED)
        facts = self._facts
        if not is_seconds(seconds):
            raise TimerRefused(name, f"it takes seconds from 0 to {MAX_SECONDS:,}, not {seconds!r:.80}")
        kind, text = self._timer_text(name, message)
        headers = msgspec.json.encode({**self._outgoing.forwarded(), TIMER: name}).decode()
        due_at = self._clock.now().wall_us + math.ceil(seconds * 1e6)
        sent = NewMessage(
            private_channel(facts.group),
            kind,
            text,
            key=self.key or None,
            headers=headers,
            due_at=due_at,
            target=facts.subscription,
        )
        self._end.keep(TIMED, self._outgoing.set_timer, NewTimer(facts.group_key, self.key, name, sent))

    def cancel_timer(self, name: str) -> None:
        """Cancel a timer of this key, with the commit of this turn; one that is not set is no mistake.

        Raises:
            TimerRefused: The name is none.
            TurnLimit: These are more than 10,000 timers.
            AttemptOver: The turn has ended.
        """
        self._check_timer(name)
        self._end.keep(TIMED, self._outgoing.set_timer, NewTimer(self._facts.group_key, self.key, name))

    def _check_timer(self, name: str) -> None:
        if not is_name(name):
            raise TimerRefused(name, f"its name has 1 to {LONGEST_NAME} printable characters")

    def _timer_text(self, name: str, message: object) -> tuple[str, str]:
        self._check_timer(name)
        timers = self._facts.timers
        kind = type(message).__name__
        plan = timers.get(kind)
        if plan is None:
            known = f"it takes {listed(sorted(timers))}" if timers else "write one: @handler"
            raise TimerRefused(name, f"no @handler of the class takes {indefinite(kind)}; {known}")
        try:
            text = to_json(message)
            plan.decode(Delivered(0, 0, private_channel(self.group), kind, text, 0))
        except OutputError as error:
            raise TimerRefused(name, error.reason) from None
        except DeliveryRefused as error:
            raise TimerRefused(name, error.reason) from None
        return kind, text.decode()

    # --- for the body

    @property
    def has_steps(self) -> bool:
        """Whether results of steps may be kept for the turn: by this try, or by one before."""
        return self._made_steps is not None or any(one.try_no > 1 for one in self._deliveries)

    def _step_place(self) -> StepPlace:
        start, facts = self._start, self._facts
        without_key = 0 if facts.is_ordered else start.item % RANGES
        return TurnPlace(
            run_key=start.run_key,
            node=start.node,
            item=start.item,
            owner=start.owner,
            epoch=start.epoch,
            group_key=facts.group_key,
            member=facts.member,
            range=range_of(self.key) if self.key else without_key,
        )
