"""The picture of a run: its definition's, with what its report tells; mapped nodes count their invocations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from dagger_actors.core.messages import ErrorDetail
from dagger_actors.drawing.picture import STATES, Picture, PictureNode, line, names
from dagger_actors.drawing.text import duration
from dagger_actors.flow.definition import Approval, FlowDefinition, FromInput, NodeDefinition
from dagger_actors.flow.reports.origin import innermost
from dagger_actors.flow.reports.report import NodeReport, Report

__all__ = ["NodeSummary", "picture_of_run", "problem_of", "remark_of", "summaries", "unreported"]

BUSY = ("failed", "timed_out", "running", "waiting", "ready", "interrupted")
"""What a mapped node that has not ended yet is: the first of these that one of its invocations is."""

UNENDED = ("pending", "ready", "running", "waiting")


class NodeSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one node, all its invocations together.

    Attributes:
        states: How many invocations are in which state; of a plain node just one.
        attempts: Attempts of all of them that have begun.
        took_us: From the first start to the last end; None before it has ended.
        problem: The first error or reason there is; empty = none.
        output: Its value, as shown; empty for none, and for a mapped node.
        runs: Of a node that runs a flow: the ids of those runs, as far as they have begun; first those that have not
            succeeded, for not all of them are shown.
    """

    node_id: str
    state: str
    size: int | None
    states: dict[str, int]
    attempts: int
    took_us: int | None
    problem: str
    output: str
    runs: tuple[str, ...]


def summaries(report: Report) -> dict[str, NodeSummary]:
    """Sum a report up, node by node, in its order."""
    found: dict[str, list[NodeReport]] = {}
    for node in report.nodes:
        found.setdefault(node.node_id, []).append(node)
    return {node_id: _summary(node_id, nodes) for node_id, nodes in found.items()}


def unreported(node_id: str) -> NodeSummary:
    """What became of a node that was added since the report was made: nothing yet."""
    return NodeSummary(
        node_id=node_id,
        state="pending",
        size=None,
        states={"pending": 1},
        attempts=0,
        took_us=None,
        problem="",
        output="",
        runs=(),
    )


def _summary(node_id: str, nodes: list[NodeReport]) -> NodeSummary:
    whole = next((node for node in nodes if node.invocation_key == ""), None)
    items = [node for node in nodes if node is not whole]
    size = whole.size if whole is not None else None
    if size is None and items:
        size = len(items)
    states = Counter(node.state for node in items or nodes)
    if size is not None and size > len(items):
        states["pending"] += size - len(items)
    state = whole.state if whole is not None else next((busy for busy in BUSY if states[busy]), nodes[0].state)
    # The row of the whole is no attempt of anything; when items have begun, they are what was tried.
    attempts = [attempt for node in (items or nodes) for attempt in node.attempts]
    starts = [attempt.started_us for attempt in attempts if attempt.started_us is not None]
    ends = [attempt.finished_us for attempt in attempts if attempt.finished_us is not None]
    is_over = state not in UNENDED
    return NodeSummary(
        node_id=node_id,
        state=state,
        size=size,
        states={one: states[one] for one in STATES if states[one]},
        attempts=sum(each.state != "waiting" or each.started_us is not None for each in attempts),
        took_us=max(ends) - min(starts) if is_over and starts and ends and max(ends) >= min(starts) else None,
        problem=next((text for node in nodes if _is_told(node, whole) and (text := problem_of(node))), ""),
        output=_output(whole) if whole is not None and size is None else "",
        runs=tuple(
            node.run for node in sorted(nodes, key=lambda node: node.state == "succeeded") if node.run and node.attempts
        ),
    )


def _is_told(node: NodeReport, whole: NodeReport | None) -> bool:
    """What is told of an item that has succeeded is nothing that holds for all of them."""
    return node is whole or node.state != "succeeded"


def problem_of(node: NodeReport) -> str:
    """The last error of an invocation, or its reason; empty for none, and where it only names the run inside."""
    if node.run and node.reason == f"run {node.run!r}":
        return ""
    last = node.attempts[-1] if node.attempts else None
    if last is not None and last.error is not None and last.state == node.state:
        return _told(last.error)
    before = node.attempts[-2] if len(node.attempts) > 1 else None
    if node.state == "waiting" and before is not None and before.error is not None:
        return line(f"{node.reason or 'waits'} after {_told(before.error)}")
    return line(node.reason or (last.reason if last is not None else None) or "")


def _told(error: ErrorDetail) -> str:
    return line(innermost(f"{error.type.rpartition('.')[2]}: {error.message}"))


def _output(node: NodeReport) -> str:
    if node.output is None:
        return ""
    if isinstance(node.output, msgspec.Struct):
        return line(f"artifact {getattr(node.output, 'artifact_id', '')}")
    return line(msgspec.json.encode(node.output).decode())


def picture_of_run(definition: FlowDefinition, report: Report, *, calls: bool = False) -> Picture:
    """Make the picture of a run.

    Args:
        definition: What the run is pinned to.
        report: What it has done; as ``interrupted`` says it, where its process is gone.
        calls: Whether the hooks and failure actions that it has called are drawn too.
    """
    picture = definition.picture(calls=calls)
    found = summaries(report)
    shown = [definition.nodes[position] for position in definition.drawn(calls=calls)]
    inputs = {key: line(msgspec.json.encode(value).decode()) for key, value in report.inputs.items()}
    nodes = [
        _drawn(drawn, node, found[node.id], _given(node, inputs)) if node.id in found else drawn
        for node, drawn in zip(shown, picture.nodes, strict=True)
    ]
    parts = [f"run {report.run_id}", report.state.replace("_", " ")]
    if report.elapsed_us:
        parts.append(duration(report.elapsed_us))
    if report.error:
        parts.append(innermost(report.error))
    return msgspec.structs.replace(picture, nodes=tuple(nodes), state=report.state, subtitle=line(" · ".join(parts)))


def _given(node: NodeDefinition, inputs: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the run gave a node; what other nodes gave it stands with these."""
    sources = [(name, source.key) for name, source in node.inputs if isinstance(source, FromInput)]
    given = [f"{name} = {inputs[key]}" for name, key in sources if key in inputs]
    return [("given", names(given))] if given else []


def remark_of(node: NodeDefinition, summary: NodeSummary) -> str:
    """Why a node is as it is: what somebody is asked, what it failed with, why it was skipped; empty for nothing."""
    if summary.state == "waiting" and isinstance(node.awaits, Approval) and node.awaits.message:
        return line(node.awaits.message)
    return summary.problem


def _drawn(drawn: PictureNode, node: NodeDefinition, summary: NodeSummary, given: list[tuple[str, str]]) -> PictureNode:
    facts = [*drawn.facts, *given]
    note = []
    if summary.size is not None:
        counted = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in summary.states.items())
        facts.append(("invocations", counted or "0"))
        note.append(f"{summary.states.get('succeeded', 0):,}/{summary.size:,}")
    if summary.attempts > max(summary.size or 0, 1):
        note.append(f"{summary.attempts:,} attempts")
    if summary.took_us is not None:
        note.append(duration(summary.took_us))
        facts.append(("took", duration(summary.took_us)))
    facts.append(("attempts", f"{summary.attempts:,}"))
    if summary.runs:
        facts.append(("run" if len(summary.runs) == 1 else "runs", names(summary.runs)))
    if summary.output:
        facts.append(("output", summary.output))
    if summary.problem:
        facts.append(("error" if summary.state in ("failed", "timed_out") else "reason", summary.problem))
    return msgspec.structs.replace(
        drawn, state=summary.state, note=" · ".join(note), remark=remark_of(node, summary), facts=tuple(facts)
    )
