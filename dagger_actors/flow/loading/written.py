"""A node as written: what it says, before its references have found their meaning."""

from __future__ import annotations

import msgspec

from dagger_actors.bodies.actions import Action
from dagger_actors.core.trigger import Trigger
from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import InputType, OnTimeout, SubFlow
from dagger_actors.flow.loading.conditions import WrittenPredicate, pointers_in
from dagger_actors.flow.loading.references import Pointer
from dagger_actors.reading.tree import Fields

__all__ = ["InputName", "WrittenApproval", "WrittenAwait", "WrittenFlow", "WrittenMap", "WrittenNode", "pointers_of"]


class WrittenMap(msgspec.Struct, frozen=True, kw_only=True):
    """A `map` as written.

    Attributes:
        over: Where the items come from.
        item: The parameter that takes one.
        key: Path of fields within the item; empty = the item itself; None = none is given.
        limit: Items at once; None = as many as the run allows.
        tolerate: Items that may fail.
    """

    over: Pointer
    item: str
    key: tuple[str, ...] | None = None
    limit: int | None = None
    tolerate: int = 0


class WrittenAwait(msgspec.Struct, frozen=True, kw_only=True):
    """An `await_message` as written.

    Attributes:
        channel: The channel's name.
        at: Its place.
        match: Paths of fields, and what they must equal.
        timeout_s: How long it is waited for; None = for ever.
        is_earliest: Whether messages count that were there before.
    """

    channel: str
    at: int
    match: list[tuple[str, Pointer]]
    timeout_s: float | None = None
    is_earliest: bool = False


class WrittenApproval(msgspec.Struct, frozen=True, kw_only=True):
    """An `approval` as written.

    Attributes:
        at: Its place.
        message: What the person is asked.
        type: What the answer must be.
        timeout_s: How long it is waited for; None = as the flow says.
        on_timeout: What then; None = as the flow says.
        default: The answer of the autopilot, as JSON text.
    """

    at: int
    message: str = ""
    type: InputType = "bool"
    timeout_s: float | None = None
    on_timeout: OnTimeout | None = None
    default: str | None = None


class WrittenFlow(msgspec.Struct, frozen=True, kw_only=True):
    """A `flow` of a node, found.

    Attributes:
        at: Its place.
        spec: What the node's definition says of it.
        action: It, as something that takes inputs.
    """

    at: int
    spec: SubFlow
    action: Action


class WrittenNode(msgspec.Struct, gc=False):
    """A node as written.

    Attributes:
        id: Its id; empty when it has none that can be used.
        at: Its place.
        fields: What it says, by key.
        dependencies: Positions of the nodes it waits for, and the place that says so.
        is_complete: Whether it names its dependencies itself.
        inputs: The arguments by name; None when they follow from the action's parameters.
        places: The place of each input's name, of those too whose value was complained of.
        outputs: The names that its output must have.
        map: How it fans out.
        trigger: The rule that lets it run.
        when: What must hold over data besides.
        awaits: The message it waits for instead of running an action.
        approval: What it asks a person instead of running an action.
        flow: The flow it runs instead of an action.
        is_doubtful: Whether its trigger was complained of, so that nobody knows what it admits.
    """

    id: str
    at: int
    fields: Fields
    action: str = ""
    dependencies: dict[int, int] = {}
    is_complete: bool = False
    inputs: list[tuple[str, Pointer]] | None = None
    places: dict[str, int] = {}
    outputs: tuple[str, ...] = ()
    map: WrittenMap | None = None
    trigger: Trigger = "all_succeeded"
    when: WrittenPredicate | None = None
    awaits: WrittenAwait | None = None
    approval: WrittenApproval | None = None
    flow: WrittenFlow | None = None
    is_doubtful: bool = False


class InputName(msgspec.Struct, gc=False):
    """An input's name in messages; its text is made only when it is told."""

    name: str

    def __str__(self) -> str:
        return f"the input {quoted(self.name)}"


def pointers_of(node: WrittenNode) -> list[tuple[object, Pointer]]:
    """List all references of a node, with their names for messages."""
    pointers: list[tuple[object, Pointer]] = [(InputName(name), pointer) for name, pointer in node.inputs or ()]
    if node.map is not None:
        pointers.append(("map.over", node.map.over))
    if node.when is not None:
        pointers += [(f"when.{word}", pointer) for word, pointer in pointers_in(node.when)]
    if node.awaits is not None:
        pointers += [(f"await_message.match {quoted(path)}", pointer) for path, pointer in node.awaits.match]
    return pointers
