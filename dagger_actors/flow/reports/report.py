"""What a run did: the same whether it runs, rests or ended long ago."""

from __future__ import annotations

from typing import Any

import msgspec

from dagger_actors.bodies.artifact_ref import ArtifactRef
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.drawing.html import table_html

__all__ = [
    "AttemptReport",
    "ForkOrigin",
    "NodeReport",
    "Report",
    "RunSummary",
]


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One run in a list; times are microseconds UTC."""

    run_id: str
    flow_name: str
    state: str
    error: str | None
    created_us: int
    started_us: int | None
    finished_us: int | None
    elapsed_us: int
    owner_pid: int | None


class AttemptReport(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt; times are microseconds UTC."""

    attempt: int
    state: str
    reason: str | None
    error: ErrorDetail | None
    started_us: int | None
    finished_us: int | None
    due_us: int | None


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """One invocation.

    Attributes:
        output: Its value; an ``ArtifactRef`` for what is stored as an artifact; None without one.
        artifacts: What its last attempt saved by name.
        size: Of a mapped node that has fanned out: how many items.
        run: Of a node that runs a flow: the id of that run, or of the one it will be; empty for others, and for all items
            together. What a fork shares is a run inside the one that made it.
        called_for: Of a hook, the event; of a failure action ``failure``; empty for the flow's own nodes.
    """

    node_id: str
    invocation_key: str
    state: str
    reason: str | None
    output: Any
    attempts: tuple[AttemptReport, ...]
    artifacts: tuple[ArtifactRef, ...] = ()
    size: int | None = None
    called_for: str = ""
    run: str = ""


class ForkOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a fork comes from.

    Attributes:
        run_id: The run whose outputs it began with.
        nodes: Those it was forked from.
    """

    run_id: str
    nodes: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run; times are microseconds UTC.

    Attributes:
        outputs: The run's result by name; empty unless it succeeded.
        nodes: Every invocation that has begun, and every node that has not, in the order of the flow.
        forked_from: Whose outputs it began with; None = it began with none.
    """

    run_id: str
    flow_name: str
    state: str
    error: str | None
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    created_us: int
    started_us: int | None
    finished_us: int | None
    elapsed_us: int
    nodes: tuple[NodeReport, ...]
    forked_from: ForkOrigin | None = None

    def _repr_html_(self) -> str:
        """A table of what its invocations did, for notebooks."""
        return self.html()

    def html(self, picture: str = "") -> str:
        """The table, below a picture.

        Args:
            picture: An SVG document of ours.
        """
        rows = [
            (
                f"{node.node_id}[{node.invocation_key}]" if node.invocation_key else node.node_id,
                node.state,
                str(len(node.attempts)),
                _took(node),
                node.reason or next((one.error.message for one in reversed(node.attempts) if one.error), ""),
            )
            for node in self.nodes
        ]
        title = f"run {self.run_id} of flow {self.flow_name}: {self.state}" + (f" ({self.error})" if self.error else "")
        return table_html(title, ("node", "state", "attempts", "took", "reason or error"), rows, picture=picture)


def _took(node: NodeReport) -> str:
    last = node.attempts[-1] if node.attempts else None
    if last is None or last.started_us is None or last.finished_us is None:
        return ""
    return f"{(last.finished_us - last.started_us) / 1e6:.3f} s"
