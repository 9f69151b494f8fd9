"""What a system file says of triggers, as Structs for the JSON Schema; ``trigger_keys`` reads the same."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from dagger_actors.core.task_options import MAX_PATH
from dagger_actors.reading.form import Form
from dagger_actors.supervised.files.channel_forms import (
    ChannelName,
    FieldPath,
    Filter,
    KeyPath,
    MessageTries,
    Name,
    Start,
)
from dagger_actors.supervised.files.part_keys import MAX_REFERENCE

__all__ = ["ONE_OF_TRIGGER", "TriggerForm"]

ONE_OF_TRIGGER: list[dict[str, Any]] = [
    {"required": ["task"], "not": {"required": ["inputs"]}},
    {"required": ["flow"], "not": {"required": ["payload"]}},
]
"""A trigger has exactly one of the two, and what belongs to it; Structs have no word for that."""

AnyPath = Annotated[str, Meta(min_length=1, max_length=MAX_PATH, pattern=r"^(\.|[^.]+(\.[^.]+)*)$")]


class TriggerForm(Form, frozen=True, kw_only=True):
    """A channel whose messages each make a task, or start a run of a flow, exactly once."""

    channel: Annotated[
        ChannelName, Meta(description="The channel; `*` is any text without a dot.", examples=["orders.*"])
    ]
    task: Annotated[Name, Meta(description="The id of the task agent.", examples=["bill"])] | UnsetType = UNSET
    flow: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=MAX_REFERENCE,
                description="The flow's file, relative to this one.",
                examples=["census.yaml"],
            ),
        ]
        | UnsetType
    ) = UNSET
    group: Annotated[Name, Meta(description="Its group; named after the agent or flow if absent.")] | UnsetType = UNSET
    payload: (
        Annotated[
            FieldPath | dict[str, AnyPath],
            Meta(
                description="What of a message the task is given: the path of a field, or fields by name; absent: all of it.",
                examples=["order", {"customer": "order.customer"}],
            ),
        ]
        | UnsetType
    ) = UNSET
    inputs: (
        Annotated[
            dict[str, AnyPath],
            Meta(
                description="Where the flow's inputs are, by name: paths of fields, `.` is the message; absent: in the fields "
                "of their names.",
                examples=[{"path": "file.path"}],
            ),
        ]
        | UnsetType
    ) = UNSET
    filter: Filter | UnsetType = UNSET
    key: KeyPath | UnsetType = UNSET
    start: Start | UnsetType = UNSET
    try_count: MessageTries | UnsetType = UNSET
