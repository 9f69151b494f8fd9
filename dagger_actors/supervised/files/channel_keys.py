"""Reads what a system file says of channels and subscriptions, and knows a subscriber when it sees one.

What its class says besides, and whether all of it fits together, is known to that alone: a ``SubscriberSource``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import msgspec

from dagger_actors.core.channel_names import NAME_ADVICE, is_name, is_pattern
from dagger_actors.core.channel_options import (
    MAX_BATCH,
    MAX_CHANNEL_CAPACITY,
    MAX_CHANNELS,
    MAX_IN_FLIGHT,
    MAX_KEPT_BYTES,
    MAX_KEPT_MESSAGES,
    MAX_KEPT_SECONDS,
    MAX_SUBSCRIPTION_CONCURRENCY,
    ORDERS,
    OVERFLOWS,
)
from dagger_actors.core.retry import RetryPolicy
from dagger_actors.core.task_options import MAX_TASK_SECONDS
from dagger_actors.core.wording import quoted
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.retry_keys import MAX_TRIES, STRATEGY, policy_with, read_strategy
from dagger_actors.reading.tree import Fields, Scalar, Table, Tree, described, to_data
from dagger_actors.supervised.files.definition import ChannelSpec, SubscriptionSpec
from dagger_actors.supervised.files.part_keys import read_class, read_word

__all__ = [
    "CHANNEL",
    "LOOPS",
    "READS",
    "RETAIN",
    "SUBSCRIBER",
    "SUBSCRIPTION",
    "UNSUPERVISED_SUBSCRIBER",
    "SubscriberSource",
    "key_of_option",
    "options_of",
    "read_channels",
    "read_group",
    "read_subscriptions",
    "subscriber_of",
]

SUBSCRIBER = "__dagger_subscriber__"
"""The attribute by which a class says that it takes the messages of channels; its value is a ``SubscriberSource``."""

RETAIN = Keys(known=("age", "count", "size"))
CHANNEL = Keys(known=("type", "ephemeral", "capacity", "overflow", "retain"), inside={"retain": RETAIN})
SUBSCRIPTION = Keys(
    known=(
        "channels",
        "pattern",
        "publishes",
        "key",
        "group",
        "start",
        "order",
        "concurrency",
        "batch",
        "filter",
        "try_count",
        "retry",
        "timeout",
        "max_in_flight",
        "echo",
    ),
    inside={"retry": STRATEGY},
)
LOOPS = ("acknowledged",)

UNSUPERVISED_SUBSCRIBER: Mapping[str, str] = {
    "instances": "write subscriptions: {HANDLER: {concurrency: ...}} for how many turns are taken at once",
    "route": "messages of one key come to whoever has the key; write subscriptions: {HANDLER: {key: ...}}",
    "key": "write subscriptions: {HANDLER: {key: ...}}",
    "restart": "each turn is tried by itself; write subscriptions: {HANDLER: {try_count: ..., retry: ...}}",
    "significant": "it never ends",
    "backoff": "write subscriptions: {HANDLER: {retry: {exponential: {...}}}}",
    "shutdown_s": "what runs when the system is left has the system's grace, and is done again elsewhere",
    "mailbox": "write channels: {NAME: {capacity: ..., overflow: ...}}",
}
"""Keys of an agent that say nothing of a subscriber, each with what to do."""


class SubscriberSource(Protocol):
    """A class that takes the messages of channels, as far as a system file has to do with it."""

    config: type[msgspec.Struct] | None
    group: str | None

    @property
    def subscribed(self) -> tuple[str, ...]:
        """The names of its handlers."""
        ...

    def retry_of(self, handler: str) -> RetryPolicy:
        """What a handler says of tries itself."""
        ...

    def judge(
        self, subscriptions: Mapping[str, Mapping[str, object]], group: str
    ) -> tuple[Mapping[str, Any], Sequence[tuple[str, Any]]]:
        """Judge options that go before its own: all of them, and a ``Complaint`` for each that cannot be, with its handler."""
        ...

    def check(self) -> None:
        """Check that it can take messages at all.

        Raises:
            ActorClassError: It cannot.
        """
        ...


def subscriber_of(found: object) -> SubscriberSource | None:
    """What a class says of itself as a subscriber; None = it is none, or one for others to inherit from."""
    said: SubscriberSource | None = vars(found).get(SUBSCRIBER) if isinstance(found, type) else None
    return said


def read_channels(reader: Reader, tree: Tree) -> tuple[dict[str, ChannelSpec], Fields]:
    """Read `channels`; what is wrong is complained of and left out. Gives them as written too."""
    entries = reader.entries(tree, "channels")
    if len(entries) > MAX_CHANNELS:
        reader.complain(tree.at, f"more than {MAX_CHANNELS:,} channels in one system", "Use a pattern: orders.*")
        return {}, {}
    read = {}
    reader.noun = "channel"
    for name, field in entries.items():
        reader.subject = name
        if not is_name(name) and not is_pattern(name):
            reader.complain(field.at, "this is no channel's name", f"{NAME_ADVICE.capitalize()}.")
        else:
            read[name] = _channel(reader, field.value)
    reader.subject = ""
    return read, entries


def _channel(reader: Reader, tree: Tree) -> ChannelSpec:
    fields = reader.fields(tree, "what is said of it", CHANNEL) or {}
    read: dict[str, Any] = {
        key: CHANNEL_READS[key](reader, field.value) for key, field in fields.items() if key in CHANNEL_READS
    }
    read["types"] = read.pop("type", ())
    read |= _retain(reader, fields["retain"].value) if "retain" in fields else {}
    spec = ChannelSpec(**{key: value for key, value in read.items() if value is not None or key.startswith("retain")})
    if spec.overflow == "drop_oldest" and not spec.ephemeral:
        message = "overflow: a durable channel loses nothing, so it drops nothing"
        reader.complain(fields["overflow"].value.at, message, "Write block or reject, or ephemeral: true.")
    if spec.ephemeral and "retain" in fields:
        reader.complain(fields["retain"].at, "retain: an ephemeral channel keeps nothing", "Remove it.")
    return spec


def _types(reader: Reader, tree: Tree) -> tuple[str, ...]:
    trees = [tree] if isinstance(tree, Scalar) else reader.items(tree, "type")
    return tuple(found for one in trees if (found := read_class(reader, one, "type")))


def _retain(reader: Reader, tree: Tree) -> dict[str, Any]:
    fields = reader.fields(tree, "retain", RETAIN) or {}
    read: dict[str, Any] = {}
    if "age" in fields:
        age = fields["age"].value
        is_endless = isinstance(age, Scalar) and age.value == "infinity"
        read["retain_age_s"] = None if is_endless else _age(reader, age)
    if "count" in fields:
        read["retain_count"] = reader.count(fields["count"].value, "retain.count", MAX_KEPT_MESSAGES)
    if "size" in fields:
        read["retain_bytes"] = reader.count(fields["size"].value, "retain.size", MAX_KEPT_BYTES)
    return read


def _age(reader: Reader, tree: Tree) -> float | None:
    value = tree.value if isinstance(tree, Scalar) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_KEPT_SECONDS:
        return float(value)
    message = f"retain.age must be seconds from 0 to {MAX_KEPT_SECONDS:,}, or infinity, not {described(tree)}"
    reader.complain(tree.at, message, "Write seconds as a number: 604800 is a week.")
    return None


def read_group(reader: Reader, tree: Tree) -> str:
    """Read an agent's `group`."""
    return reader.name(tree, "group") or ""


def read_subscriptions(reader: Reader, tree: Tree) -> dict[str, SubscriptionSpec]:
    """Read `subscriptions`; what is wrong is complained of and left out."""
    entries = reader.entries(tree, "subscriptions")
    return {name: _subscription(reader, f"subscriptions.{name}", field.value) for name, field in entries.items()}


def _subscription(reader: Reader, what: str, tree: Tree) -> SubscriptionSpec:
    fields = reader.fields(tree, what, SUBSCRIPTION) or {}
    if "channels" in fields and "pattern" in fields:
        message = f"{what} has both `channels` and `pattern`, which mean the same"
        reader.complain(fields["pattern"].at, message, "Remove one of them.")
    read: dict[str, Any] = {
        NAMES.get(key, key): READS[key](reader, field.value, f"{what}.{key}")
        for key, field in fields.items()
        if key in READS
    }
    return SubscriptionSpec(**read)


def options_of(spec: SubscriptionSpec, own: RetryPolicy) -> dict[str, object]:
    """The options that a file gives, as the arguments of ``@subscribe`` would give them.

    Args:
        spec: What it says.
        own: The policy that goes on holding where the file says nothing of tries.
    """
    given: dict[str, object] = {
        name: value
        for name in spec.__struct_fields__
        if name not in ("try_count", "retry") and (value := getattr(spec, name)) is not None
    }
    if spec.retry is not None or spec.try_count is not None:
        given["retry"] = policy = policy_with(spec.retry, spec.try_count, own)
        given["try_count"] = policy.tries
    return given


def key_of_option(option: str, written: Mapping[str, object]) -> str:
    """The key of a subscription that gives an option; empty = none of those that are written does."""
    for key in {"retry": ("retry", "try_count"), "channels": ("channels", "pattern")}.get(option, (option,)):
        if key in written:
            return key
    return "timeout" if option == "timeout_s" and "timeout" in written else ""


def _names(reader: Reader, tree: Tree, what: str) -> tuple[str, ...] | None:
    if isinstance(tree, Scalar):
        text = reader.text(tree, what)
        return None if text is None else (text,)
    items = [reader.text(item, f"an item of {what}") for item in reader.items(tree, what)]
    return tuple(item for item in items if item is not None)


def _start(reader: Reader, tree: Tree, what: str) -> str | int | None:
    value = tree.value if isinstance(tree, Scalar) else None
    if isinstance(value, str | int) and not isinstance(value, bool):
        return value
    message = f"{what} must be earliest, latest, an offset or a time, not {described(tree)}"
    reader.complain(tree.at, message, "Write earliest, 1000, or 2026-11-20T08:30Z.")
    return None


def _filter(reader: Reader, tree: Tree, what: str) -> dict[str, Any] | None:
    if not isinstance(tree, Table):
        reader.complain(tree.at, f"{what} must be a mapping, not {described(tree)}", "Write {field: price, gt: 10}.")
        return None
    return None if reader.json(tree, what) is None else cast("dict[str, Any]", to_data(tree))


def _path(reader: Reader, tree: Tree, what: str) -> str | None:
    text = reader.name(tree, what)
    if text is not None and "" in text.split("."):
        message = f"{what}: {quoted(text)} is no path of fields"
        reader.complain(tree.at, message, "Write a message's field: customer, or customer.id.")
        return None
    return text


CHANNEL_READS: Mapping[str, Callable[[Reader, Tree], object]] = {
    "type": _types,
    "ephemeral": lambda reader, tree: reader.flag(tree, "ephemeral"),
    "capacity": lambda reader, tree: reader.count(tree, "capacity", MAX_CHANNEL_CAPACITY),
    "overflow": lambda reader, tree: read_word(reader, tree, "overflow", OVERFLOWS),
}
READS: Mapping[str, Callable[[Reader, Tree, str], object]] = {
    "channels": _names,
    "pattern": _names,
    "publishes": _names,
    "key": _path,
    "group": lambda reader, tree, what: reader.name(tree, what),
    "start": _start,
    "order": lambda reader, tree, what: reader.choice(tree, what, ORDERS),
    "concurrency": lambda reader, tree, what: reader.count(tree, what, MAX_SUBSCRIPTION_CONCURRENCY),
    "batch": lambda reader, tree, what: reader.count(tree, what, MAX_BATCH),
    "filter": _filter,
    "try_count": lambda reader, tree, what: reader.count(tree, what, MAX_TRIES),
    "retry": read_strategy,
    "timeout": lambda reader, tree, what: reader.seconds(tree, what, MAX_TASK_SECONDS),
    "max_in_flight": lambda reader, tree, what: reader.count(tree, what, MAX_IN_FLIGHT),
    "echo": lambda reader, tree, what: reader.flag(tree, what),
}
NAMES = {"timeout": "timeout_s", "pattern": "channels"}
