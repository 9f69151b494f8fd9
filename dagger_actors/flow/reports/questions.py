"""What people are asked in a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from dagger_actors.flow.definition import Approval, InputType, NodeDefinition

__all__ = ["Asked", "Question", "question_of", "questions_inside"]


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
        default: What the autopilot answers; None where there is none.
    """

    run_id: str
    node_id: str
    message: str
    type: InputType
    since_us: int | None
    due_us: int | None
    on_timeout: str
    default: Any = None


class Asked(NamedTuple):
    """Where and when a person is asked: a row of ``read.asked`` and ``read.asked_inside``.

    Attributes:
        run_id: The run.
        definition_id: What it is pinned to.
        node: The position of the node.
        added: The node as JSON, where the run has been given it, or has another one than its definition has there.
        since_us: Since when it is asked, microseconds UTC.
        due_us: Until when; None = for ever.
    """

    run_id: str
    definition_id: str
    node: int
    added: str | None
    since_us: int | None
    due_us: int | None


def question_of(asked: Asked, node: NodeDefinition) -> Question:
    """What a person is asked at a node, which is an approval."""
    asks = node.awaits
    assert isinstance(asks, Approval)
    return Question(
        run_id=asked.run_id,
        node_id=node.id,
        message=asks.message,
        type=asks.type,
        since_us=asked.since_us,
        due_us=asked.due_us,
        on_timeout=asks.on_timeout,
        default=None if asks.default is None else msgspec.json.decode(asks.default),
    )


def questions_inside(questions: Sequence[Question], run_id: str) -> list[Question]:
    """Those that are asked in a run, in one of its items' that have its id and their key, or inside of these."""
    return [one for one in questions if one.run_id == run_id or one.run_id.startswith(f"{run_id}/")]
