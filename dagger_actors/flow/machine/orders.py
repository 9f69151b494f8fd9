"""What hooks and people tell a run to do."""

from __future__ import annotations

import msgspec

from dagger_actors.flow.definition import Growth

__all__ = ["CancelVertex", "Emit", "Order", "Pause", "Resume", "Rewire", "Stop"]


class Rewire(msgspec.Struct, frozen=True):
    """Give a node that has not begun other inputs: JSON text by name."""

    node: int
    inputs: tuple[tuple[str, str], ...]


class Pause(msgspec.Struct, frozen=True):
    """Begin nothing more; the run is paused when what runs has ended.

    Attributes:
        is_held: Whether that is because the run above it pauses, and no longer than that does.
    """

    is_held: bool = False


class Resume(msgspec.Struct, frozen=True):
    """Go on, where the run is about to pause."""


class CancelVertex(msgspec.Struct, frozen=True):
    """Cancel a node with all its items.

    Attributes:
        node: Its position.
        reason: Why, as its row says.
    """

    node: int
    reason: str = "cancelled by a hook"


class Stop(msgspec.Struct, frozen=True):
    """Cancel the run."""


class Emit(msgspec.Struct, frozen=True):
    """Tell whoever watches the run; an effect too.

    Attributes:
        name: What happened.
        json: More of it.
        node_id: Who says so.
    """

    name: str
    json: str
    node_id: str = ""


Order = Growth | Rewire | Pause | Resume | CancelVertex | Stop | Emit
