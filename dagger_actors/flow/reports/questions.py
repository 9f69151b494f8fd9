"""What people are asked in a run."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

import msgspec

from dagger_actors.flow.definition import Approval, FlowDefinition, InputType
from dagger_actors.flow.reports.report import Report

__all__ = ["Question", "questions_inside", "questions_of"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is asked at a node; times are microseconds UTC.

    Attributes:
        run_id: The run in which it is asked: that which was looked at, or one of a flow inside it.
        node_id: The node.
        message: The question; may be empty.
        type: What the answer must be; ``bool``: yes or no.
        since_us: Since when it is asked.
        due_us: Until when; None = for ever.
        on_timeout: What then: ``pause`` or ``autopilot``.
    """

    run_id: str
    node_id: str
    message: str
    type: InputType
    since_us: int | None
    due_us: int | None
    on_timeout: str


def questions_of(report: Report, definition: FlowDefinition, answered: Container[int] = ()) -> Iterator[Question]:
    """What people are asked in a run.

    Args:
        report: How it stands.
        definition: What it is pinned to.
        answered: Positions of nodes that are answered already, though the run has not taken it.
    """
    open_ones = [node for at, node in enumerate(definition.nodes) if at not in answered]
    asked = {node.id: node.awaits for node in open_ones if isinstance(node.awaits, Approval)}
    for node in report.nodes if asked else ():
        asks = asked.get(node.node_id)
        if asks is None or node.state != "waiting" or not node.attempts:
            continue
        latest = node.attempts[-1]
        yield Question(
            run_id=report.run_id,
            node_id=node.node_id,
            message=asks.message,
            type=asks.type,
            since_us=latest.started_us,
            due_us=latest.due_us,
            on_timeout=asks.on_timeout,
        )


def questions_inside(questions: Sequence[Question], run_id: str) -> list[Question]:
    """Those that are asked in a run, in one of its items' that have its id and their key, or inside of these."""
    return [one for one in questions if one.run_id == run_id or one.run_id.startswith(f"{run_id}/")]
