"""What a node may await instead of running an action."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from dagger_actors.core.awaits import Kind
from dagger_actors.flow.definition.references import Reference

__all__ = ["AwaitMessage"]


class AwaitMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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
