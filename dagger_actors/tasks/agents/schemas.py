"""What task agents take and give, as JSON Schema (draft 2020-12)."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from dagger_actors.bodies.action_schemas import schema_of_type
from dagger_actors.tasks.agents.kind import TaskKind

__all__ = ["AgentSchema", "agent_schema"]


class AgentSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One task agent.

    Attributes:
        name: Its name.
        place: File and line of its body.
        description: The docstring of its class or function; empty without one.
        payload: JSON Schema of what ``submit`` takes.
        result: JSON Schema of what its tasks result in.
    """

    name: str
    place: str
    description: str
    payload: dict[str, Any]
    result: dict[str, Any]


def agent_schema(kind: TaskKind, name: str | None = None) -> AgentSchema:
    """Describe what does tasks.

    Args:
        kind: What is known of it; it has a body.
        name: The name of the agent; its own by default.
    """
    body = kind.body
    assert body is not None, "what has no body has no agent"
    own = vars(kind.source).get("__doc__") if isinstance(kind.source, type) else kind.source.__doc__
    return AgentSchema(
        name=kind.name if name is None else name,
        place=kind.place,
        description=inspect.cleandoc(own) if own else "",
        payload=schema_of_type(body.payload),
        result=schema_of_type(body.result),
    )
