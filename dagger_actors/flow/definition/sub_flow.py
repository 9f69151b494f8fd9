"""A node that runs another flow instead of an action."""

from __future__ import annotations

import msgspec

__all__ = ["SubFlow"]


class SubFlow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Another flow; its outputs are the node's output.

    Attributes:
        name: The flow's name.
        definition_id: SHA-256 of its definition, which the flow of this node holds among its ``flows``.
        folder: What its files are relative to, relative to the folder of the flow of this node.
        depth: How many flows it has one inside the other, itself included.
    """

    name: str
    definition_id: str
    folder: str = "."
    depth: int = 1

    @property
    def purpose(self) -> str:
        """What it is, in short."""
        return f"flow {self.name}"
