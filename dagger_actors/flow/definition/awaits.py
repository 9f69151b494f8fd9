"""What a node may await instead of running an action."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from dagger_actors.core.awaits import Kind
from dagger_actors.flow.definition.references import Reference

__all__ = ["Approval", "AwaitMessage", "Awaited", "InputType", "OnTimeout"]

InputType = Literal["int", "float", "str", "bool", "list", "dict", "any"]

OnTimeout = Literal["pause", "autopilot"]


class AwaitMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="message", tag_field="kind"):
    """One message of a durable channel; it is the node's output.

    Attributes:
        channel: The channel's name.
        match: What fields of it must equal: their paths, and where the values come from; empty = any message.
        timeout_s: How long it is waited for; None = as long as the run goes on.
        is_earliest: Whether messages count too that were there before the node began to wait.
    """

    kind: ClassVar[Kind] = "message"

    channel: str
    match: tuple[tuple[str, Reference], ...] = ()
    timeout_s: float | None = None
    is_earliest: bool = False

    @property
    def purpose(self) -> str:
        """What it is, in short."""
        return f"message of {self.channel}"


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="human", tag_field="kind"):
    """What a person says; it is the node's output, and a rejection is its failure.

    Attributes:
        message: What the person is asked; may be empty.
        type: What the answer must be; ``bool``: yes or no, and no is a rejection.
        timeout_s: How long it is waited for; None = for ever.
        on_timeout: ``pause``: it is waited for all the same, for ever; ``autopilot``: ``default`` is the answer.
        default: The answer of ``autopilot``, as JSON text; None = there is no autopilot.
    """

    kind: ClassVar[Kind] = "human"
    match: ClassVar[tuple[tuple[str, Reference], ...]] = ()

    message: str = ""
    type: InputType = "bool"
    timeout_s: float | None = None
    on_timeout: OnTimeout = "pause"
    default: str | None = None

    @property
    def purpose(self) -> str:
        """What it is, in short."""
        return "approval" if self.type == "bool" else f"answer of type {self.type}"


Awaited = AwaitMessage | Approval
