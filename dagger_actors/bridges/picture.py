"""Triggers in the picture of a system: a box for each, with an arrow to the agent or flow that it begins."""

from __future__ import annotations

import msgspec

from dagger_actors.bridges.trigger_targets import FlowTarget
from dagger_actors.bridges.triggering import TriggerKind
from dagger_actors.drawing.picture import Picture, PictureNode, line
from dagger_actors.pubsub.subscribers.registry import Members

__all__ = ["with_triggers"]


def with_triggers(picture: Picture, members: Members) -> Picture:
    """Add the triggers among the members to a picture in which the agents stand already, by their names."""
    places = {node.title: number for number, node in reversed([*enumerate(picture.nodes)])}
    nodes, edges, flows = [*picture.nodes], [*picture.edges], dict[str, int]()
    for member in members:
        kind = member.kind
        if not isinstance(kind, TriggerKind) or kind.target is None:
            continue
        edges_from = len(nodes)
        nodes.append(PictureNode(title=line(member.name), subtitle="trigger", facts=_facts(kind)))
        target = line(kind.target.name)
        if isinstance(kind.target, FlowTarget):
            if target not in flows:
                flows[target] = len(nodes)
                nodes.append(PictureNode(title=target, subtitle="flow"))
            edges.append((edges_from, flows[target]))
        elif target in places:
            edges.append((edges_from, places[target]))
    return msgspec.structs.replace(picture, nodes=tuple(nodes), edges=tuple(edges))


def _facts(kind: TriggerKind) -> tuple[tuple[str, str], ...]:
    """What of a message goes where."""
    option = "payload" if kind.trigger.flow is None else "inputs"
    paths = ((f"{option}.{name}" if name else option, path) for name, path in kind.trigger.paths.items())
    return tuple((line(name), line(path)) for name, path in paths)
