"""The picture of the messages of a system: channels and agents, and who reads and publishes what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from dagger_actors.core.channel_names import meet
from dagger_actors.core.wording import counted
from dagger_actors.drawing.picture import Mark, Picture, PictureNode, line, names
from dagger_actors.pubsub.declared.wired import WiredChannel, Wiring
from dagger_actors.pubsub.subscribers.registry import Members

__all__ = ["Counts", "picture_of_messages", "with_messages"]

Counts = Callable[[str, str, bool], int | None]
"""Tells how many messages of a channel a subscription has done, or, with True, has published to it; None = it is not known."""

Ways = dict[tuple[int, int], list[str]]


def picture_of_messages(title: str, wiring: Wiring, members: Members, counts: Counts | None = None) -> Picture:
    """Make the picture: channels and agents as boxes, subscriptions and publications as arrows with group, key and count.

    Args:
        title: Of the whole.
        wiring: The wiring.
        members: Its subscribers.
        counts: What stands on the arrows besides; None = nothing does.
    """
    agents = [
        PictureNode(title=line(one.name), subtitle=line(one.kind.label), note=line(_groups(one.groups.values())))
        for one in members
    ]
    empty = Picture(title=line(title), subtitle="", nodes=tuple(agents), edges=())
    made = with_messages(empty, wiring, members, counts)
    told = [counted(len(members), "subscriber"), counted(len(made.nodes) - len(members), "channel")]
    return msgspec.structs.replace(made, subtitle=line(" · ".join(told)))


def with_messages(picture: Picture, wiring: Wiring, members: Members, counts: Counts | None = None) -> Picture:
    """Add channels and the flow of messages to a picture in which the agents stand already, by their names."""
    places = {node.title: number for number, node in reversed([*enumerate(picture.nodes)])}
    channels = (*wiring.channels.values(), *wiring.patterns)
    first = len(picture.nodes)
    ways: Ways = {}
    for number, channel in enumerate(channels, first):
        for member in members:
            for name, one in member.subscriptions.items():
                agent = places[line(member.name)]
                if any(meet(channel.name, pattern) for pattern in one.handler.options.channels):
                    key = f" by {one.handler.options.key}" if one.handler.options.key else ""
                    told = f"{name}{key}{_count(counts, name, channel.name, is_published=False)}"
                    ways.setdefault((number, agent), []).append(told)
                if any(meet(channel.name, pattern) for pattern in one.handler.publishes):
                    told = _count(counts, name, channel.name, is_published=True).strip()
                    ways.setdefault((agent, number), []).extend([told] if told else [])
    edges, marks = _without_circles(ways)
    return msgspec.structs.replace(
        picture,
        nodes=(*picture.nodes, *map(_channel, channels)),
        edges=(*picture.edges, *edges),
        marks={**picture.marks, **marks},
    )


def _count(counts: Counts | None, subscription: str, channel: str, *, is_published: bool) -> str:
    found = None if counts is None else counts(subscription, channel, is_published)
    return "" if found is None else f" {found:,}"


def _groups(groups: Iterable[str]) -> str:
    return f"group {names(dict.fromkeys(groups))}"


def _channel(channel: WiredChannel) -> PictureNode:
    kept = "as long as others allow" if channel.retain_age_us is None else f"{channel.retain_age_us / 1e6:g} s"
    facts = [("takes", names(kind or "anything" for kind in channel.types))]
    facts.append(("capacity", f"{channel.capacity:,}, {channel.overflow}"))
    if not channel.ephemeral:
        facts.append(("retained", kept))
    return PictureNode(
        title=line(channel.name),
        subtitle="ephemeral channel" if channel.ephemeral else "channel",
        is_mapped="*" in channel.name,
        note=names(kind or "anything" for kind in channel.types),
        facts=tuple(facts),
    )


def _without_circles(ways: Ways) -> tuple[list[tuple[int, int]], dict[tuple[int, int], Mark]]:
    """Turn the edges round that close a circle, and make one of two that go to and fro; the marks tell which way they are."""
    single = {edge: labels for edge, labels in ways.items() if edge[0] > edge[1] or edge[::-1] not in ways}
    order = _finished(single)
    edges, marks = [], {}
    for (one, other), labels in single.items():
        is_turned = order[one] < order[other]
        edge = (other, one) if is_turned else (one, other)
        is_both = (other, one) in ways
        told = [*labels, *(ways[other, one] if is_both else ())]
        edges.append(edge)
        marks[edge] = Mark(label=line(", ".join(told)), heads="both" if is_both else "start" if is_turned else "end")
    return edges, marks


def _finished(edges: Mapping[tuple[int, int], object]) -> dict[int, int]:
    """When a search in depth is done with each node: an edge that goes to a later one closes a circle."""
    following: dict[int, list[int]] = {}
    for one, other in edges:
        following.setdefault(one, []).append(other)
        following.setdefault(other, [])
    done: dict[int, int] = {}
    begun: set[int] = set()
    # Channels that nobody publishes to come first, so that the picture begins with them.
    targets = {other for _, other in edges}
    for start in sorted(following, key=lambda node: (node in targets, node)):
        stack = [(start, iter(following[start]))] if start not in begun else []
        begun.add(start)
        while stack:
            node, onward = stack[-1]
            if (found := next((one for one in onward if one not in begun), None)) is not None:
                begun.add(found)
                stack.append((found, iter(following[found])))
            else:
                done[node] = len(done)
                stack.pop()
    return done
