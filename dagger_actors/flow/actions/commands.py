"""What hooks may tell their run to do: they return one of these, or a list; all that one returns is done, or nothing."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "AddNodes",
    "CancelNode",
    "CancelRun",
    "Command",
    "EmitEvent",
    "PauseRun",
    "ResumeRun",
    "SetInputs",
    "decode_commands",
]


class AddNodes(msgspec.Struct, frozen=True, tag_field="command", tag="add_nodes"):
    """Add nodes to the run, as ``ctx.add_nodes`` does.

    Attributes:
        nodes: Each as under ``nodes`` of a flow file.
    """

    nodes: list[dict[str, Any]]


class SetInputs(msgspec.Struct, frozen=True, tag_field="command", tag="set_inputs"):
    """Give a node that has not begun other inputs.

    Attributes:
        node: Its id.
        inputs: Values by the names of its action's parameters; inputs that are not named stay.
    """

    node: str
    inputs: dict[str, Any]


class PauseRun(msgspec.Struct, frozen=True, tag_field="command", tag="pause_run"):
    """Begin nothing more; the run is paused when what runs has ended."""


class ResumeRun(msgspec.Struct, frozen=True, tag_field="command", tag="resume_run"):
    """Go on, where the run is about to pause."""


class CancelNode(msgspec.Struct, frozen=True, tag_field="command", tag="cancel_node"):
    """Cancel a node, whether it runs or has not begun; what depends on it follows its trigger, so a branch is skipped.

    Attributes:
        node: Its id.
    """

    node: str


class CancelRun(msgspec.Struct, frozen=True, tag_field="command", tag="cancel_run"):
    """Cancel the run."""


class EmitEvent(msgspec.Struct, frozen=True, tag_field="command", tag="emit_event"):
    """Tell whoever watches the run.

    Attributes:
        name: What happened; 1 to 200 printable characters.
        data: What JSON can hold, at most 64 KiB of it.
    """

    name: str
    data: Any = None


Command = AddNodes | SetInputs | PauseRun | ResumeRun | CancelNode | CancelRun | EmitEvent

_decoder = msgspec.json.Decoder(list[Command] | Command | None)


def decode_commands(text: bytes) -> list[Command]:
    """Decode what a hook has returned.

    Raises:
        msgspec.DecodeError: It is no command.
    """
    found = _decoder.decode(text)
    if found is None:
        return []
    return found if isinstance(found, list) else [found]
