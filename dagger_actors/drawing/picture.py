"""What is to be drawn, before any format: nodes, edges, labels, states. Pure, and without a trace of hostile text's power.

Every text in a picture is one visible line of bounded length, so that writers only have to escape for their own format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from dagger_actors.drawing.text import shorten, visible

__all__ = ["LONGEST", "NAMED", "STATES", "Mark", "Picture", "PictureNode", "line", "names"]

STATES = (
    "pending", "blocked", "ready", "running", "waiting", "paused", "succeeded", "completed", "accepted", "failed", "rejected",
    "stuck", "skipped", "cancelled", "timed_out", "interrupted",
)  # fmt: skip
LONGEST = 200
"""Cells of one text; what is longer ends in an ellipsis."""
NAMED = 12
"""Inputs or outputs that a line names; the rest is counted."""


class PictureNode(msgspec.Struct, frozen=True, kw_only=True):
    """One box.

    Attributes:
        title: Its id.
        subtitle: What it does: its action or class.
        is_mapped: Whether it stands for many: invocations of a mapped node, actors of a pool.
        is_aside: Whether it is a note beside the others: a call, that nothing waits for.
        is_whole: Whether it is a whole of its own, with a picture of its own, such as a flow that a node of another runs.
        state: Of a run or a task; None in a picture of a definition.
        note: A line on how it went or how many it stands for; may be empty.
        remark: A line on why it is as it is, such as what it failed with; may be empty.
        facts: What a closer look shows, each a name and a text.
    """

    title: str
    subtitle: str
    is_mapped: bool = False
    is_whole: bool = False
    is_aside: bool = False
    state: str | None = None
    note: str = ""
    remark: str = ""
    facts: tuple[tuple[str, str], ...] = ()


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What an edge is besides a line with an arrow at its end.

    Attributes:
        label: A word beside it; may be empty.
        heads: Where its arrows are: at its end, at its start, at both.
        is_dashed: Whether it tells how its end came to be: what was added or called, by whom.
    """

    label: str = ""
    is_dashed: bool = False
    heads: Literal["end", "start", "both"] = "end"


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A flow, a run, a system or a job.

    Attributes:
        title: The name of the flow or system.
        subtitle: A line on the whole.
        nodes: In the order of the file.
        edges: Positions of a dependency and of the node that waits for it, or of a supervisor and its child; no doubles, no
            cycles.
        state: Of the run; None in a picture of a definition.
        marks: Of those edges that are not plain.
    """

    title: str
    subtitle: str
    nodes: tuple[PictureNode, ...]
    edges: tuple[tuple[int, int], ...]
    state: str | None = None
    marks: Mapping[tuple[int, int], Mark] = {}


def line(text: str) -> str:
    """Make any text fit for a picture: one visible line of at most ``LONGEST`` cells."""
    return shorten(visible(text[: LONGEST + 1]), LONGEST)


def names(names: Iterable[str]) -> str:
    """List names in one line; those beyond ``NAMED`` are counted."""
    every = list(names)
    more = f", and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return line(", ".join(every[:NAMED]) + more)
