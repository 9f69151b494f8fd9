"""Wires subscribers and channels: pure, and every mistake at once, each with its place.

A channel needs no declaration where somebody publishes to it and somebody reads it: it takes the classes that the ones give
and the others take, and has the defaults. A declaration says it all; that of a pattern holds for every channel that it
stands for and that has none of its own, the longest of several first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dagger_actors.core.channel_names import matches
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.ends import Ends, published_by, read_by
from dagger_actors.pubsub.declared.loops import loops_in
from dagger_actors.pubsub.declared.wired import WiredChannel, Wiring
from dagger_actors.pubsub.declared.wiring_check import Mistakes, check_wiring, misspelt_declarations
from dagger_actors.pubsub.subscribers.registry import Members, Subscription

__all__ = ["wire", "wire_all"]

ANYTHING: dict[str, Any] = {"": Any}


def wire(members: Members, channels: Sequence[Channel] = (), *, loops_acknowledged: bool = False) -> Wiring:
    """Wire a system.

    Args:
        members: Its subscribers.
        channels: What is declared.
        loops_acknowledged: Whether loops without an exit are meant.

    Returns:
        The wiring, with its warnings.

    Raises:
        DefinitionError: It cannot be; carries every problem, in the order of the subscribers, then of the channels.
    """
    wiring, problems = wire_all(members, channels, loops_acknowledged=loops_acknowledged)
    if problems:
        raise DefinitionError(problems)
    return wiring


def wire_all(
    members: Members, channels: Sequence[Channel] = (), *, loops_acknowledged: bool = False
) -> tuple[Wiring, tuple[Problem, ...]]:
    """``wire``, for whoever has more to complain of: the wiring, to be used only without problems; and the problems."""
    mistakes = Mistakes()
    subscriptions = members.subscriptions()
    declared = _declared(channels, mistakes)
    names = _names(declared, subscriptions.values())
    patterns = [name for name in names if "*" in name and _makes(name, declared, subscriptions.values())]
    published, read = Ends(subscriptions.values(), published_by), Ends(subscriptions.values(), read_by)
    every = {
        name: _wired(name, _declaration(name, declared), published.of(name), read.of(name))
        for name in (*(name for name in names if "*" not in name), *sorted(patterns, key=_rank))
    }
    wired = {name: one for name, one in every.items() if "*" not in name}
    makers = [one for name, one in every.items() if "*" in name]
    loops = () if loops_acknowledged else loops_in(subscriptions.values(), read)
    wiring = Wiring(wired, makers, subscriptions, loops)
    wiring.warnings += misspelt_declarations(wiring, declared, (published, read))
    check_wiring(wiring, declared, (published, read), mistakes)
    return wiring, mistakes.told()


def _declared(channels: Sequence[Channel], mistakes: Mistakes) -> dict[str, Channel]:
    found: dict[str, Channel] = {}
    for one in channels:
        known = found.setdefault(one.name, one)
        if known.settings() != one.settings():
            mistakes.add(one.where, "", f"it is declared otherwise at {known.place}", "Declare it once.")
    return found


def _names(declared: Mapping[str, Channel], subscriptions: Iterable[Subscription]) -> list[str]:
    """All channels and patterns that are named anywhere, declared ones first."""
    named = [name for one in subscriptions for name in (*one.handler.options.channels, *one.handler.publishes)]
    return list(dict.fromkeys((*declared, *named)))


def _makes(name: str, declared: Mapping[str, Channel], subscriptions: Iterable[Subscription]) -> bool:
    """Whether channels come to be by a pattern: one that is declared, or published to; those that are only read do not."""
    return name in declared or any(name in one.handler.publishes for one in subscriptions)


def _rank(pattern: str) -> tuple[int, str]:
    return -len(pattern.replace("*", "")), pattern


def _declaration(name: str, declared: Mapping[str, Channel]) -> Channel | None:
    """What holds for a channel, or for the channels of a pattern."""
    if name in declared:
        return declared[name]
    return next((declared[one] for one in sorted(declared, key=_rank) if "*" in one and matches(one, name)), None)


def _wired(
    name: str, declaration: Channel | None, publishers: Sequence[Subscription], readers: Sequence[Subscription]
) -> WiredChannel:
    settings = declaration or Channel(name)
    types = settings.types
    return WiredChannel(
        name=name,
        types=_implied(name, publishers, readers) if types is None else types,
        ephemeral=settings.ephemeral,
        capacity=settings.capacity,
        overflow=settings.overflow,
        retain_age_us=settings.retain_age_us,
        retain_count=settings.retain_count,
        retain_bytes=settings.retain_bytes,
        is_declared=declaration is not None,
        publishers=tuple(one.name for one in publishers),
        readers=tuple(one.name for one in readers),
    )


def _implied(name: str, publishers: Iterable[Subscription], readers: Iterable[Subscription]) -> dict[str, Any]:
    """The classes that publishers give and readers take; anything where none of them says."""
    found: dict[str, Any] = {}
    for one in publishers:
        if one.handler.publishes[0] == name:
            found = {**one.handler.gives, **found}
    for one in readers:
        found = {**one.handler.takes, **found}
    named = {kind: hint for kind, hint in found.items() if kind}
    return named or ANYTHING
