"""Reads ``await_message``: a node that waits for a message of a channel instead of running an action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec

from dagger_actors.core.channel_names import NAME_ADVICE, is_name, is_pattern
from dagger_actors.core.task_options import MAX_PATH
from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import AwaitMessage, Constant
from dagger_actors.flow.loading.references import Pointer, read_pointer, reference_of
from dagger_actors.flow.loading.secret_inputs import refuse_secret
from dagger_actors.flow.loading.written import WrittenAwait, WrittenNode
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Tree

__all__ = [
    "AWAIT",
    "MAX_MATCH",
    "MAX_WAIT_SECONDS",
    "OF_ACTIONS",
    "AwaitableChannels",
    "Expected",
    "Misplaced",
    "awaits_of",
    "check_await",
    "read_await",
    "refuse_action_keys",
]

AWAIT = Keys(known=("channel", "match", "timeout_s", "from"), required=("channel",))
STARTS = ("latest", "earliest")
MAX_WAIT_SECONDS: Final = 10 * 366 * 86_400
MAX_MATCH: Final = 50

OF_ACTIONS: Final[Mapping[str, str]] = {
    "action": "Let the node that comes behind it run the action.",
    "inputs": "What the message must hold is `await_message.match`.",
    "outputs": "Its output is the message.",
    "map": "Write a node for each message.",
    "timeout": "Write it as `await_message.timeout_s`.",
    "try_count": "It waits once; how long is `await_message.timeout_s`.",
    "onfailure": "It waits once; how long is `await_message.timeout_s`.",
    "retry_strategy": "It waits once; how long is `await_message.timeout_s`.",
    "durability": "Its wait goes on after a crash, and nothing of it is done twice.",
    "cache": "Whether a message comes is another question each time.",
    "isolation": "It runs no code.",
    "priority": "It takes no place from others.",
}
"""Keys that mean nothing without an action, and what to do instead."""


class Misplaced(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong about an awaited message: with a path of its match, or, without one, with its channel."""

    path: str = ""
    message: str
    advice: str


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a field of an awaited message must equal, as far as that is known at load.

    Attributes:
        json: The value, as JSON; None = it is known when the flow runs.
        kinds: What JSON it may be, in the words of ``bodies.type_fit``; None = anything.
    """

    json: str | None = None
    kinds: frozenset[str] | None = None


class AwaitableChannels(Protocol):
    """Knows the channels, where there are such: a flow file alone says nothing of them."""

    def misplaced(self, channel: str, match: Mapping[str, Expected]) -> Sequence[Misplaced]:
        """Tell what is wrong about a message that is awaited.

        Args:
            channel: The channel's name.
            match: The paths of fields, and what each must equal.
        """
        ...


def read_await(reader: Reader, tree: Tree, declared: Mapping[str, object] | None) -> WrittenAwait | None:
    """Read what is awaited; None when it was complained of."""
    fields = reader.fields(tree, "await_message", AWAIT)
    if fields is None or "channel" not in fields:
        return None
    channel = read_channel(reader, fields["channel"].value)
    match = read_match(reader, fields["match"].value, declared) if "match" in fields else []
    timeout_s = None
    if "timeout_s" in fields:
        timeout_s = reader.seconds(fields["timeout_s"].value, "await_message.timeout_s", MAX_WAIT_SECONDS)
    start = reader.choice(fields["from"].value, "await_message.from", STARTS) if "from" in fields else None
    if channel is None:
        return None
    at = fields["channel"].value.at
    return WrittenAwait(channel=channel, at=at, match=match, timeout_s=timeout_s, is_earliest=start == "earliest")


def read_channel(reader: Reader, tree: Tree) -> str | None:
    """Read the name of one channel."""
    name = reader.name(tree, "await_message.channel")
    if name is None or is_name(name):
        return name
    if is_pattern(name):
        message = f"await_message.channel {quoted(name)} stands for many channels"
        reader.complain(tree.at, message, "Write the name of one; a node for each, where there are several.")
    else:
        message = f"await_message.channel {quoted(name)} is no channel's name"
        reader.complain(tree.at, message, f"{NAME_ADVICE[0].upper()}{NAME_ADVICE[1:]}.")
    return None


def read_match(reader: Reader, tree: Tree, declared: Mapping[str, object] | None) -> list[tuple[str, Pointer]]:
    """Read the fields of the message and what they must equal."""
    read: list[tuple[str, Pointer]] = []
    entries = reader.entries(tree, "await_message.match")
    if not entries and not reader.has_problems:
        reader.complain(
            tree.at, "await_message.match is empty", "Leave it out: then any message of the channel counts."
        )
    if len(entries) > MAX_MATCH:
        message = f"await_message.match has {len(entries)} fields, and {MAX_MATCH} may be"
        reader.complain(tree.at, message, "Match fewer fields, such as one that holds an id.")
    for path, field in entries.items():
        what = f"await_message.match {quoted(path)}"
        if len(path) > MAX_PATH or "" in path.split("."):
            reader.complain(field.at, f"{what} is no path of fields", "Write the names of fields with dots: order.id.")
        pointer = read_pointer(reader, field.value, what, declared)
        refuse_secret(reader, pointer, what, declared)
        if pointer is not None:
            read.append((path, pointer))
    return read


def refuse_action_keys(reader: Reader, node: WrittenNode) -> None:
    """Complain of keys that say how an action is run, on a node that runs none."""
    for key, advice in OF_ACTIONS.items():
        if key in node.fields:
            message = f"{key} is for nodes that run an action, and this one awaits a message"
            reader.complain(node.fields[key].at, message, advice)


def check_await(
    reader: Reader, node: WrittenNode, kinds: Mapping[str, frozenset[str] | None], channels: AwaitableChannels
) -> None:
    """Complain of a message that these channels never have.

    Args:
        reader: Takes the complaints.
        node: Awaits one.
        kinds: What JSON the value of each path of its match may be; None = anything.
        channels: Knows them.
    """
    written = node.awaits
    assert written is not None
    places = {path: pointer.at for path, pointer in written.match}
    match = {
        path: Expected(json=one.found.json) if isinstance(one.found, Constant) else Expected(kinds=kinds.get(path))
        for path, one in written.match
    }
    for wrong in channels.misplaced(written.channel, match):
        reader.complain(places.get(wrong.path, written.at), wrong.message, wrong.advice)


def awaits_of(written: WrittenAwait) -> AwaitMessage:
    """Make the definition of what is awaited; every pointer has its meaning."""
    match = [(path, found) for path, pointer in written.match if (found := reference_of(pointer)) is not None]
    return AwaitMessage(
        channel=written.channel,
        match=tuple(match),
        timeout_s=written.timeout_s,
        is_earliest=written.is_earliest,
    )
