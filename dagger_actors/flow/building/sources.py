"""Where a value of a flow comes from, as its builder says it: a node, one of its outputs, an input, or a literal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

import msgspec

from dagger_actors.core.wording import indefinite

__all__ = [
    "Condition",
    "Given",
    "Input",
    "Map",
    "Node",
    "Output",
    "Source",
    "Value",
    "refuse_misplaced",
    "refuse_nameless",
]


class Owner(Protocol):
    """The flow that a source belongs to: ``building.flow.Flow``.

    Attributes:
        name: Its name.
    """

    name: str


class Source:
    """A value that is known when the flow runs; comparisons of it are conditions for ``when``."""

    flow: Owner

    def __gt__(self, other: float | str) -> Condition:
        return Condition("gt", source=self, value=other)

    def __ge__(self, other: float | str) -> Condition:
        return Condition("ge", source=self, value=other)

    def __lt__(self, other: float | str) -> Condition:
        return Condition("lt", source=self, value=other)

    def __le__(self, other: float | str) -> Condition:
        return Condition("le", source=self, value=other)

    # Not `==`: a source must stay what it is in lists and as a key.
    def equals(self, other: Any) -> Condition:
        """It is this value, as JSON means it."""
        return Condition("equals", source=self, value=other)

    def not_equals(self, other: Any) -> Condition:
        """It is another value."""
        return Condition("not_equals", source=self, value=other)

    def is_in(self, others: Sequence[Any]) -> Condition:
        """It is one of these."""
        return Condition("in", source=self, value=list(others))

    def exists(self) -> Condition:
        """There is a value at all; null is one."""
        return Condition("exists", source=self, value=True)

    def described(self, text: str) -> Source:
        """The same value, with a word for people."""
        raise NotImplementedError


class Output(Source):
    """What a node gives: the whole of it, or what has a name in it.

    Args:
        node: The node.
        key: The name; None = the whole.
        default: What stands in when the node was skipped or has failed; ``UNSET`` = nothing does.
        description: For people.
    """

    def __init__(self, node: Node, key: str | None = None, default: Any = msgspec.UNSET, description: str = "") -> None:
        self.flow = node.flow
        self.node = node
        self.key = key
        self.stand_in = default
        self.description = description

    def __repr__(self) -> str:
        return f"<Output of {self.node.id!r}>" if self.key is None else f"<Output {self.key!r} of {self.node.id!r}>"

    def default(self, value: Any) -> Output:
        """The same value, with what stands in for it when the node was skipped or has failed."""
        return Output(self.node, self.key, value, self.description)

    def described(self, text: str) -> Output:
        """The same value, with a word for people."""
        return Output(self.node, self.key, self.stand_in, text)


class Node(Source):
    """A node of a flow, and as a value its whole output; made by ``Flow.node``, ``Flow.await_message`` and ``Flow.approval``.

    Attributes:
        flow: Its flow.
        id: Its id.
    """

    def __init__(self, flow: Owner, node_id: str) -> None:
        self.flow = flow
        self.id = node_id

    def __repr__(self) -> str:
        return f"<Node {self.id!r}>"

    def __getitem__(self, key: str) -> Output:
        """What has this name in its output."""
        return Output(self, key)

    __iter__ = None  # else Python would ask for the outputs 0, 1, 2, ... for ever

    def default(self, value: Any) -> Output:
        """Its output, with what stands in for it when the node was skipped or has failed."""
        return Output(self, default=value)

    def described(self, text: str) -> Output:
        """Its output, with a word for people."""
        return Output(self, description=text)


class Input(Source):
    """An input of a flow; made by ``Flow.input``.

    Args:
        flow: The flow.
        name: The input's name.
        description: For people.
    """

    def __init__(self, flow: Owner, name: str, description: str = "") -> None:
        self.flow = flow
        self.name = name
        self.description = description

    def __repr__(self) -> str:
        return f"<Input {self.name!r}>"

    def described(self, text: str) -> Input:
        """The same value, with a word for people at this place."""
        return Input(self.flow, self.name, text)


class Value(msgspec.Struct, frozen=True):
    """A literal with a word for people; without one, give the value itself.

    Attributes:
        value: What JSON can hold.
        description: For people.
    """

    value: Any
    description: str = ""


class Map(msgspec.Struct, frozen=True, kw_only=True):
    """Fan-out: one invocation of the action for each item of a list.

    Attributes:
        over: The list; a mapped node makes the fan-out element by element, without a barrier.
        item: The action's parameter that takes an item.
        key: What names an item's invocation: the name of ``item``, or the path of a field in it, ``page.url``; None = its
            position.
        limit: Invocations of this node at once; None = as many as the run allows.
        tolerate: Items that may fail; their outputs are then None.
    """

    over: Source
    item: str
    key: str | None = None
    limit: int | None = None
    tolerate: int = 0


class Condition:
    """A predicate on data, for ``when``; join them by ``&``, ``|`` and ``~``.

    Args:
        word: The comparison, as in a flow file, or ``all``, ``any``, ``not``.
        source: What is compared; None = the word joins ``parts``.
        value: What it is compared with.
        parts: What is joined.
    """

    def __init__(
        self, word: str, *, source: Source | None = None, value: Any = None, parts: tuple[Condition, ...] = ()
    ) -> None:
        self.word = word
        self.source = source
        self.value = value
        self.parts = parts

    def __and__(self, other: Condition) -> Condition:
        return self._joined("all", other)

    def __or__(self, other: Condition) -> Condition:
        return self._joined("any", other)

    def __invert__(self) -> Condition:
        return Condition("not", parts=(self,))

    def __bool__(self) -> NoReturn:
        """Refuse to be asked now: ``and``, ``or``, ``not`` and ``1 < x < 2`` would silently lose a part.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            "a condition is asked when the flow runs; join conditions with &, | and ~, not with and, or, not"
        )

    def _joined(self, word: str, other: Condition) -> Condition:
        if not isinstance(other, Condition):
            raise TypeError(f"a condition is joined with a condition, not with {type(other).__name__}")
        return Condition(word, parts=(*(self.parts if self.word == word else (self,)), other))


Given = Source | Value | Any
"""What an input is filled with; anything but a source is a literal."""


def refuse_nameless(name: str, given: object) -> None:
    """Refuse what is no mapping; None is nothing said.

    Raises:
        TypeError: It is none.
    """
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f'{name} is a mapping, such as {{"text": node}}, not {indefinite(type(given).__name__)}')


def refuse_misplaced(entries: Mapping[str, Any]) -> None:
    """Refuse what is of the wrong class in a call that adds a node.

    Raises:
        TypeError: Something is.
    """
    spec, condition = entries.get("map"), entries["when"]
    for name, given in (
        ("inputs", entries.get("inputs")),
        ("match", (entries.get("await_message") or {}).get("match")),
    ):
        refuse_nameless(name, given)
    if not isinstance(entries.get("flow", ""), str | Path):
        raise TypeError(
            "flow is a path, or the name of a flow that the system has loaded: system.flows.load(...) loads one that is built"
        )
    if spec is not None and not (isinstance(spec, Map) and isinstance(spec.over, Source)):
        raise TypeError("map is Map(over=..., item=...), over a node, an output or an input")
    if condition is not None and not isinstance(condition, Condition):
        raise TypeError('when is a condition, such as node["count"] > 10 or node.equals(...)')
    awaited = entries["dependencies"]
    if isinstance(awaited, Node) or not all(isinstance(on, Node) for on in awaited or ()):
        raise TypeError(
            "dependencies is a list of nodes, as node(), sub_flow(), await_message() and approval() gave them"
        )
