"""``ctx.add_nodes``: what an attempt adds to its run, kept until it ends; read by the process that has the run open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from dagger_actors.bodies.attempt_end import AttemptEnd
from dagger_actors.bodies.backends import OwnerSource
from dagger_actors.bodies.secret import Mask
from dagger_actors.core.messages import StartAttempt
from dagger_actors.errors import GrowthRefused
from dagger_actors.flow.definition import Growth, NodeDefinition

__all__ = ["GROW", "Additions", "WantedNodes", "decode_growth"]

GROW: Final = "grow"
"""For ``WantedNodes``; the answer is a ``Growth`` of them, or None: what was added before has to be told."""

ADDED: Final = "what ctx.add_nodes is given"

MOST_ADDED = 100_000
LARGEST_CALL = 16 * 1024 * 1024
LARGEST_SUM = 4 * LARGEST_CALL
"""Nodes that one attempt adds, and bytes of JSON of one call, and of all of them."""

_decoder = msgspec.msgpack.Decoder(Growth)
_answer = msgspec.msgpack.Decoder(Growth | None)
_encode = msgspec.msgpack.Encoder().encode


class WantedNodes(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes that an attempt wants to add.

    Attributes:
        run_id: Its run.
        node: Position of its node.
        item: Position of its map item; -1 for the node itself.
        attempt: Which one it is.
        nodes: They, as JSON text: a list of nodes as a flow file has them.
        count: How many it adds already.
        before: Those, where they were asked for.
    """

    run_id: str
    node: int
    item: int
    attempt: int
    nodes: bytes
    count: int
    before: Growth | None = None


def decode_growth(data: bytes) -> Growth:
    """Decode what a turn keeps."""
    return _decoder.decode(data)


class Additions:
    """What one attempt adds.

    Args:
        start: The attempt.
        source: Reads the nodes.
        mask: What must not be stored.
        end: Whether it is over.
    """

    def __init__(self, start: StartAttempt, source: OwnerSource, mask: Mask, end: AttemptEnd) -> None:
        self._end = end
        self._start = start
        self._source = source
        self._mask = mask
        self._base = 0
        self._nodes: list[NodeDefinition] = []
        self._flows: dict[str, str] = {}
        self._size_bytes = 0

    @property
    def encoded(self) -> bytes:
        """For the body's turn; empty when nothing is added."""
        return _encode(self._growth) if self._nodes else b""

    @property
    def _growth(self) -> Growth:
        return Growth(base=self._base, nodes=tuple(self._nodes), flows=self._flows)

    def add(self, nodes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
        """Add nodes to what is added; gives their ids.

        Raises:
            GrowthRefused: They cannot be.
            AttemptOver: The attempt is over.
        """
        self._end.refuse(ADDED)
        if isinstance(nodes, Mapping):
            raise GrowthRefused("they are given as a list, and this is one node alone: write [{...}]")
        given = list(nodes)
        if not given:
            return ()
        try:
            text = msgspec.json.encode(given)
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            raise GrowthRefused(f"a node is plain data, as a flow file has it: {error}") from None
        self._check_limits(len(given), len(text))
        self._mask.refuse(text)
        read = self._read(text)
        self._end.keep(ADDED, self._keep, read)
        self._size_bytes += len(text)
        return tuple(node.id for node in read.nodes)

    def _keep(self, read: Growth) -> None:
        if read.base != self._base:
            self._nodes, self._base = list(self._growth.at(read.base)), read.base
        self._nodes += read.nodes
        self._flows |= read.flows

    def _check_limits(self, count: int, size_bytes: int) -> None:
        if len(self._nodes) + count > MOST_ADDED:
            raise GrowthRefused(
                f"an attempt adds at most {MOST_ADDED:,} nodes: let the nodes that it adds add the rest"
            )
        if size_bytes > LARGEST_CALL:
            raise GrowthRefused("a call adds at most 16 MiB of JSON: add the nodes in several calls")
        if self._size_bytes + size_bytes > LARGEST_SUM:
            raise GrowthRefused(
                "an attempt adds at most 64 MiB of JSON: hand on large values as outputs, not as inputs"
            )

    def _read(self, text: bytes) -> Growth:
        start = self._start
        wanted = WantedNodes(
            run_id=start.run_id,
            node=start.node,
            item=start.item,
            attempt=start.attempt,
            nodes=text,
            count=len(self._nodes),
        )
        read = _answer.decode(self._source.ask(GROW, _encode(wanted)))
        if read is None:
            whole = msgspec.structs.replace(wanted, before=self._growth)
            read = _answer.decode(self._source.ask(GROW, _encode(whole)))
        assert read is not None, "it knows all there is"
        return read
