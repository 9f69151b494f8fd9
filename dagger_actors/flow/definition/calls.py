"""What a flow calls besides its nodes: hooks when something happens, and what a node does when it has failed for good.

Each call is one more node of its run, added by the machine when the cause is decided and committed with it. So it runs
behind the gate as any attempt does, survives deaths, and its end is written once.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from dagger_actors.flow.definition.references import Reference

__all__ = ["Call", "CallEvent", "FailureAction", "Hook", "HookEvent", "HookedEvent", "NodeError"]

HookedEvent = Literal["run_start", "node_start", "node_success", "node_failure", "node_retry", "run_end"]

CallEvent = Literal["run_start", "node_start", "node_success", "node_failure", "node_retry", "run_end", "failure"]
"""A hook's event; ``failure``: the node's own failure action."""


class NodeError(msgspec.Struct, frozen=True, kw_only=True):
    """How a node has failed; a failure action's parameter ``error``.

    Attributes:
        node_id: The node.
        type: Dotted name of the exception's class.
        message: Its text.
        attempt: The number of its last attempt.
        traceback: The frames of the action, as text.
    """

    node_id: str
    type: str
    message: str
    attempt: int
    traceback: str = ""


class HookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened; a hook's parameter ``event``.

    Attributes:
        event: Which of the events.
        run_id: The run.
        flow_name: Its flow.
        node_id: The node; empty for events of the run.
        invocation_key: The map item's key; empty for the node itself.
        attempt: The number of the attempt; 0 for events of the run, and where none has begun.
        state: The state that the node or the run has come to; of ``run_end`` the one that the run ends in.
        error: How it failed.
        duration_s: How long the attempt ran, in seconds; None where none has.
    """

    event: HookedEvent
    run_id: str
    flow_name: str
    state: str
    node_id: str = ""
    invocation_key: str = ""
    attempt: int = 0
    error: NodeError | None = None
    duration_s: float | None = None


class Hook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An action that is called when something happens.

    Attributes:
        event: When.
        action: Its name.
        takes_output: Whether it has a parameter ``output``, for what the node gave.
    """

    event: HookedEvent
    action: str
    takes_output: bool = False


class FailureAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An action that is called when its node has failed for good.

    Attributes:
        action: Its name.
        inputs: Those of its node's inputs that it has parameters for.
        takes_error: Whether it has a parameter ``error``.
    """

    action: str
    inputs: tuple[tuple[str, Reference], ...] = ()
    takes_error: bool = False


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a node that is no node of the flow's own was added.

    Attributes:
        event: What has happened.
        node: Position of the node that it happened to; None = to the run.
    """

    event: CallEvent
    node: int | None = None
