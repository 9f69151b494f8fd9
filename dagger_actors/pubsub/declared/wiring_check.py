"""Finds what is wrong with a wiring: channels that lead nowhere, types that do not meet, options that do nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dagger_actors.bodies.option_values import Misfit
from dagger_actors.bodies.type_fit import clash
from dagger_actors.bodies.type_shape import hint_type
from dagger_actors.core.channel_names import meet
from dagger_actors.core.wording import listed, nearest
from dagger_actors.errors import Problem
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.pubsub.declared.ends import Ends
from dagger_actors.pubsub.declared.wired import WiredChannel, Wiring
from dagger_actors.pubsub.subscribers.field_paths import filter_names, key_names
from dagger_actors.pubsub.subscribers.places import Placed
from dagger_actors.pubsub.subscribers.registry import Subscription

__all__ = ["Mistakes", "check_wiring", "misspelt_declarations"]

MAX_TOLD = 1_000
"""Mistakes that are told; a system that has more is something else."""

MAX_NEAREST = 50
"""Mistakes whose nearest name is searched."""

IDLE = {
    "try_count": "nothing is tried again",
    "retry": "nothing is tried again",
    "start": "nothing is kept that it could begin with",
    "timeout_s": "its turns are not limited in time",
    "max_in_flight": "what waits for it is bounded by the channel's capacity",
}
"""Options that do nothing for ephemeral channels."""


class Mistakes:
    """Takes mistakes, each with its place."""

    def __init__(self) -> None:
        self._told: dict[Problem, None] = {}
        self._searches = 0

    def add(self, where: Placed, option: str, message: str, advice: str) -> None:
        """Take one, once."""
        if len(self._told) < MAX_TOLD:
            self._told[where.problem(option, message, advice)] = None

    def suggest(self, name: str, known: Iterable[str], otherwise: str) -> str:
        """Advise the nearest of the known names, or something else if none is near."""
        self._searches += 1
        near = nearest(name, known) if self._searches <= MAX_NEAREST else None
        return f"Did you mean {near!r}?" if near else otherwise

    def told(self) -> tuple[Problem, ...]:
        """All of them."""
        return tuple(self._told)


def check_wiring(wiring: Wiring, declared: Mapping[str, Channel], ends: tuple[Ends, Ends], mistakes: Mistakes) -> None:
    """Find every mistake.

    Args:
        wiring: What was wired.
        declared: The declarations by name.
        ends: Who publishes, and who reads.
        mistakes: Takes them.
    """
    sources = _sources(wiring)
    for name, one in wiring.subscriptions.items():
        _check_ends(one, declared, ends, mistakes)
        _check_given(one, wiring, mistakes)
        _check_taken(one, sources[name], wiring, mistakes)
        _check_paths(one, sources[name], mistakes)
        _check_idle(one, sources[name], mistakes)
        _check_stateless(one, sources[name], mistakes)


def _check_ends(
    one: Subscription, declared: Mapping[str, Channel], ends: tuple[Ends, Ends], mistakes: Mistakes
) -> None:
    """A channel has somebody who publishes to it and somebody who reads it, or a declaration: then others may."""
    published, read = ends
    for channel in one.handler.options.channels:
        if not published.of(channel) and not _is_declared(channel, declared):
            otherwise = f"Declare it, Channel({channel!r}), for whoever else publishes to it, or let a subscriber publish to it."
            advice = mistakes.suggest(channel, (*published.names, *declared), otherwise)
            mistakes.add(one.where, "channels", f"no subscriber publishes to {channel}, and it is not declared", advice)
    for channel in one.handler.publishes:
        if not read.of(channel) and not _is_declared(channel, declared):
            otherwise = f"Declare it, Channel({channel!r}), for whoever else reads it, or let a subscriber read it."
            advice = mistakes.suggest(channel, (*read.names, *declared), otherwise)
            mistakes.add(one.where, "publishes", f"no subscriber reads {channel}, and it is not declared", advice)


def misspelt_declarations(
    wiring: Wiring, declared: Mapping[str, Channel], ends: tuple[Ends, Ends]
) -> tuple[Problem, ...]:
    """Word a warning for each declaration that says nothing of what is used, and probably was to: one letter is wrong.

    One that no subscriber has to do with is no mistake by itself: flows, tasks and code from outside publish and read too.
    """
    used = [name for name, one in wiring.channels.items() if not one.is_declared]
    found: list[Problem] = []
    for name, one in declared.items():
        if "*" in name or len(found) == MAX_NEAREST or any(end.of(name) for end in ends):
            continue
        near = nearest(name, used)
        if near:
            message = f"it is declared, and no subscriber publishes to it or reads it; {near} has the defaults"
            found.append(one.where.problem("", message, f"Did you mean {near!r}?"))
    return tuple(found)


def _is_declared(channel: str, declared: Mapping[str, Channel]) -> bool:
    return channel in declared or any(meet(channel, other) for other in declared)


def _check_given(one: Subscription, wiring: Wiring, mistakes: Mistakes) -> None:
    """What it gives is of a class that the channel takes."""
    if not one.handler.publishes or "" in one.handler.gives:
        return
    target = wiring.channel(one.handler.publishes[0])
    if target is None or "" in target.types:
        return
    for name, hint in one.handler.gives.items():
        if name not in target.types:
            message = f"it publishes {name} to {target.name}, which takes {listed(sorted(target.types))}"
            mistakes.add(one.where, "publishes", message, "Change its annotation, or what the channel takes.")
        elif wrong := _clash(hint, target.types[name]):
            message = f"the {name} that it gives is never the {name} that {target.name} takes: {wrong}"
            mistakes.add(one.where, "publishes", message, "Use one class, or rename one of them.")


def _check_taken(one: Subscription, sources: Sequence[WiredChannel], wiring: Wiring, mistakes: Mistakes) -> None:
    """What it takes is carried by a channel that it reads."""
    if "" in one.handler.takes:
        return
    if not sources or any("" in source.types for source in sources):
        return
    for name, hint in one.handler.takes.items():
        carrying = [source for source in sources if name in _carried(source, wiring)]
        if not carrying:
            carried = sorted({kind for source in sources for kind in _carried(source, wiring)})
            message = f"it takes {name}, which no channel carries that it reads; they carry {listed(carried)}"
            advice = mistakes.suggest(name, carried, "Change its annotation, or what the channels take.")
            mistakes.add(one.where, "channels", message, advice)
            continue
        wrongs = [_clash(source.types.get(name, hint), hint) for source in carrying]
        if all(wrongs):
            message = f"the {name} that {carrying[0].name} carries is never the {name} that it takes: {wrongs[0]}"
            mistakes.add(one.where, "channels", message, "Use one class, or rename one of them.")


def _carried(source: WiredChannel, wiring: Wiring) -> dict[str, Any]:
    """The classes that may come on a channel: what is declared; else what its publishers give, where that is all known."""
    if source.is_declared:
        return source.types
    given: dict[str, Any] = {}
    for name in source.publishers:
        handler = wiring.subscriptions[name].handler
        if handler.publishes[0] != source.name or not handler.gives or "" in handler.gives:
            return source.types  # it publishes with ctx.publish whatever the channel takes
        given |= handler.gives
    return given or source.types


def _sources(wiring: Wiring) -> dict[str, list[WiredChannel]]:
    """The channels and patterns that each subscription reads."""
    found: dict[str, list[WiredChannel]] = {name: [] for name in wiring.subscriptions}
    for channel in (*wiring.channels.values(), *wiring.patterns):
        for name in channel.readers:
            found[name].append(channel)
    return found


def _clash(given: Any, taken: Any) -> str:
    """Why no value of one type is one of the other; empty = some may be."""
    if given is taken:
        return ""
    wrong = clash(hint_type(given), hint_type(taken))
    return "" if wrong is None else f"{wrong.reason} (at {wrong.path})"


def _check_paths(one: Subscription, sources: Sequence[WiredChannel], mistakes: Mistakes) -> None:
    """A handler that takes anything has its key and its filter in what its channels carry."""
    if "" not in one.handler.takes:
        return
    for option, message, advice in _wrong_paths(one, sources):
        mistakes.add(one.where, option, message, f"{advice[0].upper()}{advice[1:]}{'' if advice[-1] in '?.' else '.'}")


def _wrong_paths(one: Subscription, sources: Sequence[WiredChannel]) -> Iterator[tuple[str, str, str]]:
    options = one.handler.options
    types = {name: hint for source in sources for name, hint in source.types.items()}
    if not types:
        return
    for option in ("key", "filter"):
        try:
            if option == "key" and options.key:
                key_names(options.key, types)
            elif option == "filter" and options.filter is not None:
                filter_names(options.filter, types)
        except Misfit as error:
            message, advice = error.args
            yield option, message, advice


def _check_idle(one: Subscription, sources: Sequence[WiredChannel], mistakes: Mistakes) -> None:
    """What is said of a subscription holds for some channel that it reads."""
    if not sources or not all(source.ephemeral for source in sources):
        return
    for option, why in IDLE.items():
        if option in one.handler.given:
            message = f"it does nothing: {sources[0].name} is ephemeral, and {why}"
            mistakes.add(one.where, option, message, "Leave it out, or make the channel a durable one.")


def _check_stateless(one: Subscription, sources: Sequence[WiredChannel], mistakes: Mistakes) -> None:
    """Who has a state reads durable channels."""
    if one.kind.state is None:
        return
    for source in sources:
        if source.ephemeral:
            message = f"{one.kind.label} has a state, and {source.name} is ephemeral: no turn of it could change that"
            mistakes.add(
                one.where, "channels", message, "Make the channel a durable one, or read it with another class."
            )
