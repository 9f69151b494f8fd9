"""What the model of flows consists of: nodes as their authors write them, and what has become of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.stateful.flows_model import Run

CRASHES = 3
"""Deaths that one piece of work may meet before it is parked."""
RETRY_US = 10_000_000
GOOD = "succeeded"
BAD = ("failed", "timed_out")
Told = tuple[str, str, str, int]
"""An event, the state that was come to, or what a failed body has said to a failure action, and the node and item, of a run "" and -1."""
HasPlace = Callable[[str, str, int], bool]
"""Whether an invocation of a run, by its node and item, has its place among what may begin already."""
HOOKED = ("run_start", "node_start", "node_success", "node_failure", "node_retry", "run_end")
"""What hooks are called for here."""
CALLED = (*HOOKED, "failure")
"""What is called for, a node's own failure action too."""
OVER = (GOOD, *BAD, "skipped", "cancelled")


@dataclasses.dataclass(frozen=True)
class Spec:
    """A node as its author writes it; ``kind`` is work, ask or flow."""

    id: str
    on: tuple[str, ...] = ()
    kind: str = "work"
    trigger: str = "all_succeeded"
    on_failure: str = "continue"
    when: bool | None = None
    tries: int = 1
    timeout_us: int | None = None
    items: int | None = None
    over: str | None = None
    tolerate: int = 0
    width: int | None = None
    autopilot: bool | None = None
    is_careful: bool = False
    """Whether an attempt of unknown outcome is never repeated by itself."""
    has_failure: bool = False
    """Whether an action of its own is called when it has failed for good."""
    flow: FlowSpec | None = None
    added_by: str | None = None

    def __repr__(self) -> str:
        """Only what is not as usual: examples are read by people."""
        fields = [one for one in dataclasses.fields(self) if getattr(self, one.name) != one.default]
        return f"Spec({', '.join(f'{one.name}={getattr(self, one.name)!r}' for one in fields)})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """As Hypothesis asks for it."""
        printer.text(repr(self))

    @property
    def is_map(self) -> bool:
        return self.items is not None or self.over is not None


@dataclasses.dataclass(frozen=True)
class FlowSpec:
    nodes: tuple[Spec, ...]
    limit: int = 2
    timeout_us: int | None = None
    hooks: tuple[str, ...] = ()


@dataclasses.dataclass(eq=False)
class Piece:
    """One invocation: a node, or an item of one.

    Its state is pending, entering (hooks are to hear of its start first), ready (it may begin), running, waiting (for its retry), asked, inside (its flow runs), asking (its flow
    rests because people are asked in it), parked, going (a map whose items are at work), held (it has failed, and pauses its
    run), or how it ended.
    """

    state: str = "pending"
    tries: int = 1
    crashes: int = 0
    due: int | None = None
    output: Any = None
    held: str = ""
    parked: str = ""
    """Why it is parked."""
    answer: Any = None
    run: Run | None = None
    revival: str = "resume"
    """How its flow goes on that rests: resume, retry, or wake where somebody has answered in it."""
    is_cut: bool = False
    """Whether it was skipped because its run came to its end."""

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    def is_to_end(self, now: int) -> bool:
        """Whether somebody has answered what it asks, or was asked for long enough."""
        return self.answer is not None or (self.due is not None and self.due <= now)

    def park(self, reason: str) -> None:
        self.state, self.parked, self.due = "parked", reason, None

    def end(self, state: str, output: Any = None) -> None:
        self.state, self.output, self.due, self.held = state, output, None, ""

    def shared(self) -> Piece:
        """As a fork has it."""
        return Piece(self.state, output=self.output)

    def renew(self, state: str = "pending") -> None:
        """It is tried again, as if it never had been."""
        self.state, self.tries, self.crashes, self.due, self.held, self.answer = state, 1, 0, None, "", None
        self.is_cut = False


@dataclasses.dataclass(eq=False)
class Node:
    spec: Spec
    own: Piece = dataclasses.field(default_factory=Piece)
    items: list[Piece] | None = None
    is_announced: bool = False
    """Whether hooks were called for its start: once in a run, however often it is tried again."""

    @property
    def pieces(self) -> list[Piece]:
        return [self.own, *(self.items or [])]


def told(value: Any) -> Any:
    """What a body tells of an input it got: enough to know where it came from."""
    if isinstance(value, dict):
        return value.get("told", {name: told(one) for name, one in sorted(value.items())})
    return [told(one) for one in value] if isinstance(value, list) else value


def holds(trigger: str, ends: list[str]) -> bool:
    """The published table, written once more."""
    return {
        "all_succeeded": all(end == GOOD for end in ends),
        "all_done": True,
        "any_succeeded": GOOD in ends,
        "any_failed": any(end in BAD for end in ends),
        "none_failed": all(end in {GOOD, "skipped"} for end in ends),
    }[trigger]
