"""Loops without an exit: messages that go round for ever, each making the next.

A turn passes a message on for certain when its handler gives just one thing, never None, and whoever reads the channel
takes that class, without a filter. A circle of such turns never ends. Where a handler may give nothing, it may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dagger_actors.errors import Problem
from dagger_actors.pubsub.declared.ends import Ends
from dagger_actors.pubsub.subscribers.registry import Subscription

__all__ = ["loops_in"]


def loops_in(subscriptions: Iterable[Subscription], read: Ends) -> tuple[Problem, ...]:
    """Word a warning for each loop without an exit, at the first of its handlers; of loops that cross, for one.

    Args:
        subscriptions: All of them.
        read: Who reads what.
    """
    every = list(subscriptions)
    follows = {one.name: [other for other in _next(one, read) if _is_passed_on(one, other)] for one in every}
    told: set[str] = set()
    warnings = []
    for one in every:
        loop = [] if one.name in told else _loop(one, follows)
        if loop:
            told.update(part.name for part in loop)
            warnings.append(_warning(loop))
    return tuple(warnings)


def _next(one: Subscription, read: Ends) -> list[Subscription]:
    """Who reads what every turn of one gives."""
    return read.of(one.handler.publishes[0]) if one.handler.is_certain and one.handler.publishes else []


def _is_passed_on(one: Subscription, other: Subscription) -> bool:
    """Whether every turn of the one makes one of the other."""
    first, second = one.handler, other.handler
    if second.options.filter is not None or not (first.gives.keys() <= second.takes.keys() or "" in second.takes):
        return False
    # What comes back to the same subscription and key is not taken, unless it asks for the echo; other keys are unknown.
    return one.name != other.name or second.options.echo


def _loop(start: Subscription, follows: dict[str, list[Subscription]]) -> list[Subscription]:
    """The shortest way from a subscription back to itself; empty = there is none."""
    came_from: dict[str, Subscription] = {}
    wave = [start]
    while wave:
        following = []
        for one in wave:
            for other in follows[one.name]:
                if other.name == start.name:
                    return [start, *reversed([*_back(one, start, came_from)])]
                if other.name not in came_from:
                    came_from[other.name] = one
                    following.append(other)
        wave = following
    return []


def _back(one: Subscription, start: Subscription, came_from: dict[str, Subscription]) -> Iterator[Subscription]:
    while one.name != start.name:
        yield one
        one = came_from[one.name]


def _warning(loop: Sequence[Subscription]) -> Problem:
    way = " -> ".join(f"{one.name} -> {one.handler.publishes[0]}" for one in loop)
    message = f"messages go round for ever: {way} -> {loop[0].name}"
    advice = "Let one of them give None at some time, or filter; or say that it is meant: loops: acknowledged."
    return loop[0].where.problem("publishes", message, advice)
