"""``ctx.add_nodes``: what an attempt adds to its run, kept until it ends; read by the process that has the run open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from dagger_actors.bodies.backends import OwnerSource
from dagger_actors.bodies.secret import Mask
from dagger_actors.errors import GrowthRefused
from dagger_actors.flow.definition import Growth

__all__ = ["GROW", "Additions", "WantedNodes", "decode_growth"]

GROW: Final = "grow"
"""For ``WantedNodes``; the answer is a ``Growth``."""

MOST_ADDED = 100_000
LARGEST_CALL = 16 * 1024 * 1024
"""Nodes that one attempt adds, and bytes of JSON of one call."""

_decoder = msgspec.msgpack.Decoder(Growth)
_encode = msgspec.msgpack.Encoder().encode


class WantedNodes(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes that an attempt wants to add.

    Attributes:
        run_id: Its run.
        nodes: They, as JSON text: a list of nodes as a flow file has them.
        before: What it adds already.
    """

    run_id: str
    nodes: bytes
    before: Growth | None


def decode_growth(data: bytes) -> Growth:
    """Decode what a turn keeps."""
    return _decoder.decode(data)


class Additions:
    """What one attempt adds.

    Args:
        run_id: Its run.
        source: Reads the nodes.
        mask: What must not be stored.
    """

    def __init__(self, run_id: str, source: OwnerSource, mask: Mask) -> None:
        self._run_id = run_id
        self._source = source
        self._mask = mask
        self._growth: Growth | None = None

    @property
    def encoded(self) -> bytes:
        """For the body's turn; empty when nothing is added."""
        return b"" if self._growth is None else _encode(self._growth)

    def add(self, nodes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
        """Add nodes to what is added; gives their ids.

        Raises:
            GrowthRefused: They cannot be.
        """
        if isinstance(nodes, Mapping):
            raise GrowthRefused("they are given as a list, and this is one node alone: write [{...}]")
        given = list(nodes)
        if not given:
            return ()
        count = 0 if self._growth is None else len(self._growth.nodes)
        try:
            text = msgspec.json.encode(given)
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            raise GrowthRefused(f"a node is plain data, as a flow file has it: {error}") from None
        if len(text) > LARGEST_CALL or count + len(given) > MOST_ADDED:
            raise GrowthRefused(f"an attempt adds at most {MOST_ADDED:,} nodes, in calls of at most 16 MiB of JSON")
        self._mask.refuse(text)
        wanted = WantedNodes(run_id=self._run_id, nodes=text, before=self._growth)
        self._growth = decode_growth(self._source.ask(GROW, _encode(wanted)))
        return tuple(node.id for node in self._growth.nodes[count:])
