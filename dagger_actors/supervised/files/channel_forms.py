"""What a system file says of channels and subscriptions, as Structs for the JSON Schema; ``channel_keys`` reads the same."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from dagger_actors.core.channel_names import LONGEST_NAME
from dagger_actors.core.channel_options import (
    MAX_BATCH,
    MAX_CHANNEL_CAPACITY,
    MAX_IN_FLIGHT,
    MAX_KEPT_BYTES,
    MAX_KEPT_MESSAGES,
    MAX_KEPT_SECONDS,
    MAX_SUBSCRIPTION_CONCURRENCY,
    ChannelOverflow,
    Order,
)
from dagger_actors.core.task_options import MAX_PATH, MAX_TASK_SECONDS
from dagger_actors.reading.form import Form
from dagger_actors.reading.reader import MAX_NAME
from dagger_actors.reading.retry_form import Strategy, Tries
from dagger_actors.supervised.files.part_keys import MAX_REFERENCE

__all__ = [
    "ChannelForm",
    "ChannelName",
    "FieldPath",
    "Filter",
    "KeyPath",
    "MessageTries",
    "Name",
    "Reference",
    "RetainForm",
    "Start",
    "SubscriptionForm",
]

CHANNEL_PATTERN = r"^[\w*-]+(\.[\w*-]+)*$"
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
Reference = Annotated[str, Meta(min_length=1, max_length=MAX_REFERENCE, pattern=r"^.+:[^:\s]+$")]
ChannelName = Annotated[str, Meta(max_length=LONGEST_NAME, pattern=CHANNEL_PATTERN)]
FieldPath = Annotated[str, Meta(min_length=1, max_length=MAX_PATH, pattern=r"^[^.]+(\.[^.]+)*$")]

# What subscriptions and triggers both say of the messages that they take.
KeyPath = Annotated[
    FieldPath,
    Meta(
        description="The path of the field by which messages are told apart: those of one value keep their order.",
        examples=["customer", "order.customer"],
    ),
]
Start = Annotated[
    str | Annotated[int, Meta(ge=0)],
    Meta(
        description="Where it begins on a channel that is new to it: earliest, latest, an offset, a time.",
        examples=["latest", "2026-11-20T08:30Z"],
    ),
]
Filter = Annotated[
    dict[str, Any],
    Meta(
        description="Which messages it takes, in the words of a flow's `when`, with `field` for `reference`.",
        examples=[{"field": "price", "gt": 10}],
    ),
]
MessageTries = Annotated[Tries, Meta(description="Total tries of a message.")]


class SubscriptionForm(Form, frozen=True, kw_only=True):
    """How the messages of one handler are taken; what is absent is as its decorator says."""

    channels: (
        Annotated[
            ChannelName | list[ChannelName],
            Meta(description="The channels that it reads; `*` is any text without a dot.", examples=["raw.*"]),
        ]
        | UnsetType
    ) = UNSET
    pattern: Annotated[ChannelName, Meta(description="The same as `channels`.", examples=["raw.*"])] | UnsetType = UNSET
    publishes: (
        Annotated[
            ChannelName | list[ChannelName],
            Meta(description="The channels that it may publish to; results go to the first.", examples=["notes"]),
        ]
        | UnsetType
    ) = UNSET
    key: KeyPath | UnsetType = UNSET
    group: Annotated[Name, Meta(description="Its group; the agents of a group share its messages.")] | UnsetType = UNSET
    start: Start | UnsetType = UNSET
    order: (
        Annotated[
            Order, Meta(description="all: each message after the one before; key: that for each key; none: at once.")
        ]
        | UnsetType
    ) = UNSET
    concurrency: (
        Annotated[int, Meta(ge=1, le=MAX_SUBSCRIPTION_CONCURRENCY, description="Turns that one process takes at once.")]
        | UnsetType
    ) = UNSET
    batch: (
        Annotated[int, Meta(ge=1, le=MAX_BATCH, description="Messages in one turn at most; its handler takes a list.")]
        | UnsetType
    ) = UNSET
    filter: Filter | UnsetType = UNSET
    try_count: MessageTries | UnsetType = UNSET
    retry: Strategy | UnsetType = UNSET
    timeout: Annotated[float, Meta(gt=0, le=MAX_TASK_SECONDS, description="Seconds for one turn.")] | UnsetType = UNSET
    max_in_flight: (
        Annotated[
            int, Meta(ge=1, le=MAX_IN_FLIGHT, description="Messages that one process has read and not done at most.")
        ]
        | UnsetType
    ) = UNSET
    echo: (
        Annotated[bool, Meta(description="true: it takes what it has published itself, in a turn of the same key.")]
        | UnsetType
    ) = UNSET


class RetainForm(Form, frozen=True, kw_only=True):
    """How long messages are kept that all subscriptions have done."""

    age: (
        Annotated[
            Annotated[float, Meta(ge=0, le=MAX_KEPT_SECONDS)] | Literal["infinity"],
            Meta(description="Seconds at most."),
        ]
        | UnsetType
    ) = UNSET
    count: Annotated[int, Meta(ge=1, le=MAX_KEPT_MESSAGES, description="Messages at most.")] | UnsetType = UNSET
    size: Annotated[int, Meta(ge=1, le=MAX_KEPT_BYTES, description="Bytes at most.")] | UnsetType = UNSET


class ChannelForm(Form, frozen=True, kw_only=True):
    """A channel, or with `*` in its name all channels of that form."""

    type: (
        Annotated[
            Reference | list[Reference],
            Meta(
                description="The type of its messages, several as a list: module:Class or file.py:Class.",
                examples=["news.py:Page"],
            ),
        ]
        | UnsetType
    ) = UNSET
    ephemeral: Annotated[bool, Meta(description="true: nothing is stored; messages stay in this process.")] = False
    capacity: Annotated[
        int,
        Meta(ge=1, le=MAX_CHANNEL_CAPACITY, description="Messages that its slowest subscription may not have done."),
    ] = 100_000
    overflow: Annotated[
        ChannelOverflow,
        Meta(description="block: whoever publishes one more waits; reject: gets an error; drop_oldest: if ephemeral."),
    ] = "block"
    retain: RetainForm | UnsetType = UNSET
