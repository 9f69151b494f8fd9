"""Triggers as subscribers: each has a group of its own, and its turns begin what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dagger_actors.bodies.option_values import OptionProblem
from dagger_actors.bridges.message_values import Names
from dagger_actors.bridges.trigger import Trigger
from dagger_actors.bridges.trigger_targets import Target
from dagger_actors.errors import Problem
from dagger_actors.pubsub.declared.subscriber import Subscriber
from dagger_actors.pubsub.subscribers.handler_kind import judged
from dagger_actors.pubsub.subscribers.kind import Configured, SubscriberKind
from dagger_actors.pubsub.subscribers.option_values import check_name
from dagger_actors.pubsub.subscribers.signature import Signature
from dagger_actors.pubsub.turns.context import TurnContext
from dagger_actors.supervised.files.channel_resolving import sentence

__all__ = ["TriggerKind", "subscriber_of"]


class Triggered(Subscriber):
    """Stands where a subscriber has code of a user's."""


class TriggerKind(SubscriberKind):
    """What is known of a trigger, as of a subscriber class.

    Attributes:
        trigger: It.
        target: What it begins; None = that is not there.
    """

    trigger: Trigger
    target: Target | None

    @property
    def label(self) -> str:
        """It, for errors and pictures."""
        what = "task" if self.trigger.task is not None else "flow"
        return f"trigger of the {what} {self.name if self.target is None else self.target.name}"


def subscriber_of(
    trigger: Trigger, target: Target | None, takes: Mapping[str, Any], places: Mapping[str, Names], otherwise: str
) -> tuple[Configured, list[Problem]]:
    """Make a subscriber of a trigger.

    Args:
        trigger: It.
        target: What it begins; None = that is not there, and it will never be used.
        takes: The types of the messages, by the names of their classes.
        places: Where in them everything is that is handed on.
        otherwise: Its name, if it cannot have the one that it should.

    Returns:
        The subscriber, to be used only if there are no problems; and the problems.
    """

    def begin(_self: Triggered, message: Any, ctx: TurnContext) -> None:
        assert target is not None, "what is wrong was told when the system was wired"
        target.begin(ctx, message, places)

    name, problems = _name(trigger, target)
    name = name or otherwise
    signature = Signature(
        takes=dict(takes),
        is_list=False,
        has_context=True,
        gives={},
        is_async=False,
        is_generator=False,
        is_certain=False,
    )
    order = {} if "key" in trigger.given else {"order": "none"}
    channels = {"channels": (trigger.channel,)}
    handler, wrong = judged(trigger.verb, begin, signature, {**channels, **order, **trigger.given, "group": name})
    problems += wrong
    if wrong:
        handler, _ = judged(trigger.verb, begin, signature, {**channels, "order": "none", "group": name})
    handler = msgspec.structs.replace(handler, place=trigger.place)
    kind = TriggerKind(Triggered, name, name, {trigger.verb: handler}, {}, None)
    kind.trigger, kind.target = trigger, target
    made = Configured(kind, name, name, None, {trigger.verb: handler}, {trigger.verb: trigger.where})
    return made, [trigger.where.problem(one.option, one.message, sentence(one.advice)) for one in problems]


def _name(trigger: Trigger, target: Target | None) -> tuple[str, list[OptionProblem]]:
    """The name of its group and agent; empty = it cannot have one."""
    if trigger.group is not None or target is None:
        return trigger.group or "", []
    name = f"trigger-{target.name}"
    wrong = check_name(name)
    if wrong is None:
        return name, []
    return "", [OptionProblem("group", f"it would be named after {target.name!r}, and {wrong[0]}", "give it a group")]
