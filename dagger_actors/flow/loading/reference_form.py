"""Where values come from, and what must hold of them, as Structs for the JSON Schema of flow files.

``references`` and ``conditions`` read the same.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from dagger_actors.flow.loading.references import MAX_REFERENCE
from dagger_actors.reading.form import Form
from dagger_actors.reading.reader import MAX_NAME

__all__ = ["Name", "NamedReferenceForm", "Reference", "ReferenceForm", "WhenForm"]

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
ReferenceText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_REFERENCE,
        description="inputs.KEY, NODE (its whole output) or NODE.KEY.",
        examples=["inputs.folder", "fetch", "fetch.rows"],
    ),
]


class ReferenceForm(Form, frozen=True, kw_only=True):
    """Where a value comes from: one of `reference`, `value`, or `node` with an optional `key`."""

    reference: ReferenceText | msgspec.UnsetType = msgspec.UNSET
    value: Annotated[Any, Meta(description="A literal, instead of a reference.")] = msgspec.UNSET
    node: Annotated[str, Meta(description="The node's id, exactly; for ids that hold dots.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    key: Annotated[Name, Meta(description="Name of the node's output; needs `node`.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    description: (
        Annotated[
            str,
            Meta(
                description="For people: in the tooltips of `dagger-actors graph`; of an output of the flow, in "
                "`dagger-actors list DIR --json`."
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    default: Annotated[Any, Meta(description="The value when the node was skipped or has failed.")] = msgspec.UNSET


class NamedReferenceForm(ReferenceForm, frozen=True, kw_only=True):
    """One input of a node, in the list form: `name`, and where its value comes from."""

    name: Annotated[Name, Meta(description="The action's parameter.")]


Reference = ReferenceText | ReferenceForm


Operand = Annotated[float | str, Meta(description="A number or a text; the value must be of the same kind.")]


class WhenForm(Form, frozen=True, kw_only=True):
    """A predicate on data: one of `all`, `any`, `not`; or a reference with one or more comparisons, which must all hold."""

    all: Annotated[list[WhenForm], Meta(min_length=1, description="Each must hold.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    any: Annotated[list[WhenForm], Meta(min_length=1, description="One must hold.")] | msgspec.UnsetType = msgspec.UNSET
    not_: WhenForm | msgspec.UnsetType = msgspec.field(name="not", default=msgspec.UNSET)
    reference: ReferenceText | msgspec.UnsetType = msgspec.UNSET
    node: Annotated[str, Meta(description="The node's id, exactly.")] | msgspec.UnsetType = msgspec.UNSET
    key: Annotated[Name, Meta(description="Name of the node's output; needs `node`.")] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    default: Annotated[Any, Meta(description="The value when the node was skipped or has failed.")] = msgspec.UNSET
    equals: Annotated[Any, Meta(description="It is this value.")] = msgspec.UNSET
    not_equals: Annotated[Any, Meta(description="It is another value.")] = msgspec.UNSET
    gt: Annotated[Operand, Meta(description="It is greater.")] | msgspec.UnsetType = msgspec.UNSET
    ge: Annotated[Operand, Meta(description="It is greater or equal.")] | msgspec.UnsetType = msgspec.UNSET
    lt: Annotated[Operand, Meta(description="It is less.")] | msgspec.UnsetType = msgspec.UNSET
    le: Annotated[Operand, Meta(description="It is less or equal.")] | msgspec.UnsetType = msgspec.UNSET
    in_: Annotated[list[Any], Meta(description="It is one of these.")] | msgspec.UnsetType = msgspec.field(
        name="in", default=msgspec.UNSET
    )
    exists: Annotated[bool, Meta(description="Whether there is a value at all.")] | msgspec.UnsetType = msgspec.UNSET
