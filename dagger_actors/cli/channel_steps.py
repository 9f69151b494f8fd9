"""What to type next: the commands that go on from where subscriptions and dead letters stand."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.cli.command_line import command
from dagger_actors.pubsub.reports.report import DeadLetterSummary, SubscriptionSummary

__all__ = ["next_for_dead_letters", "next_for_subscriptions"]

NAMED = 20


def next_for_subscriptions(subscriptions: Sequence[SubscriptionSummary], db: str) -> list[str]:
    """The commands that go on from subscriptions; none when there is nothing to do."""
    dead = [one.name for one in subscriptions if one.dead_letters]
    paused = [one.name for one in subscriptions if one.is_paused]
    chosen = [("--subscription", dead[0])] if len(dead) == 1 else []
    forsaken = [one.name for one in subscriptions if one.is_forsaken]
    steps = [command("dead-letters list", options=chosen, db=db)] if dead else []
    steps += [command("subscriptions resume", name, db=db) for name in paused[:NAMED]]
    return steps + [command("subscriptions forget", name, db=db) for name in forsaken[:NAMED]]


def next_for_dead_letters(letters: Sequence[DeadLetterSummary], db: str) -> list[str]:
    """The commands that go on from dead letters; none when there is nothing to do."""
    dead = [str(one.id) for one in letters if one.redriven_us is None]
    return [command("dead-letters redrive", *dead[:NAMED], db=db)] if dead else []
