"""A whole flow."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from dagger_actors.core.retry import RetryWait
from dagger_actors.drawing.html import ROWS, table_html
from dagger_actors.drawing.picture import Picture
from dagger_actors.drawing.svg import svg_if_it_can_be
from dagger_actors.flow.definition.awaits import InputType, OnTimeout
from dagger_actors.flow.definition.calls import Hook
from dagger_actors.flow.definition.nodes import NodeDefinition, OnFailure
from dagger_actors.flow.definition.picture import picture_of
from dagger_actors.flow.definition.references import Reference

__all__ = ["FORMAT", "FlowConfig", "FlowDefinition", "InputSpec"]

FORMAT = 3
"""Version of this encoding, its defaults included; a stored definition of a newer one is refused."""


class InputSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One parameter of the flow.

    Attributes:
        type: What it must be; ``float`` takes an int too.
        default: JSON text of its default; None = required.
        description: For people.
        secret: Its value is the name of an environment variable, as ``env:NAME``; the text itself is stored nowhere.
    """

    type: InputType = "any"
    default: str | None = None
    description: str = ""
    secret: bool = False


class FlowConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Per-flow settings; a node's own beat those for nodes.

    Attributes:
        on_failure: What a node's final failure does to the run.
        timeout_seconds: The run's whole time, pauses apart; None = none.
        enable_parallel_execution: False = one node at a time.
        max_parallel_nodes: Live attempts at once; 1 or more.
        max_attempts: Total tries of each node that has no ``try_count``; None = 1, or 3 with a strategy.
        retry_strategy: The wait of each node that has no strategy.
        retry_on: Exception names for it.
        give_up_on: Exception names for it.
        max_iterations: How many additions of nodes may lead on from one another; 1 or more. The file's own nodes do not count.
        human_wait_minutes: How long each person is waited for whose node has no ``timeout_s``; None = for ever.
        human_timeout_action: What then, where a node has no ``on_timeout``.
        reuses_cache: False = nodes with ``cache`` compute anew, and store what they computed.
    """

    on_failure: OnFailure = "stop"
    timeout_seconds: float | None = None
    enable_parallel_execution: bool = True
    max_parallel_nodes: int = 16
    max_attempts: int | None = None
    retry_strategy: RetryWait | None = None
    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()
    reuses_cache: bool = True
    max_iterations: int = 100
    human_wait_minutes: float | None = None
    human_timeout_action: OnTimeout = "pause"

    @property
    def limit(self) -> int:
        """Live attempts of a run at once."""
        return self.max_parallel_nodes if self.enable_parallel_execution else 1


class FlowDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One whole flow.

    Attributes:
        name: Its name, case kept.
        inputs: Its parameters by name; None when the file declares none (each reference then declares one, required).
        nodes: In file order.
        outputs: The run's result by name; None = the outputs of the sinks by id.
        hooks: Actions that are called when something happens, in the order of the file.
        flows: The definitions of the flows that its nodes run, as JSON by their SHA-256; they hold those inside them.
        actions: Modules and files that hold its actions, as written: ``module``, ``module:name``, ``file.py``, ``file.py:name``.
        file: The path it was loaded from, as given; empty for a dict.
    """

    name: str
    nodes: tuple[NodeDefinition, ...]
    inputs: dict[str, InputSpec] | None = None
    outputs: dict[str, Reference] | None = None
    hooks: tuple[Hook, ...] = ()
    flows: dict[str, msgspec.Raw] = {}
    actions: tuple[str, ...] = ()
    config: FlowConfig = FlowConfig()
    description: str = ""
    author: str = ""
    version: str = ""
    signature: str = ""
    instructions: str = ""
    tags: tuple[str, ...] = ()
    file: str = ""
    format: int = FORMAT

    def actions_named(self) -> Iterator[tuple[str, str]]:
        """All actions that may be called, each behind who calls it, in words."""
        for node in self.nodes:
            if node.action:
                yield f"node {node.id!r}", node.action
            if node.failure is not None:
                yield f"the failure of node {node.id!r}", node.failure.action
        for hook in self.hooks:
            yield f"hook {hook.event}", hook.action

    def drawn(self, *, calls: bool = False) -> list[int]:
        """Positions of the nodes that its picture shows: all, without ``calls`` all but hooks and failure actions."""
        return [position for position, node in enumerate(self.nodes) if calls or node.call is None]

    def picture(self, *, calls: bool = False) -> Picture:
        """What there is to be drawn of it.

        Args:
            calls: Whether the hooks and failure actions that a run has called are drawn too, as notes at its side.
        """
        shown = self.drawn(calls=calls)
        return picture_of(self.name, self.nodes, self.inputs or (), self.outputs or (), shown=shown)

    def _repr_html_(self) -> str:
        """Its picture, where the extra ``graph`` is installed, and a table of its nodes; for notebooks."""
        ids = [node.id for node in self.nodes]
        rows = [
            (
                node.id,
                f"{node.action} (each item)" if node.map is not None else node.purpose,
                ", ".join(ids[on] for on in node.dependencies),
                "" if node.trigger == "all_succeeded" else node.trigger,
            )
            for node in self.nodes[: ROWS + 1]
        ]
        rows += [("", "", "", "")] * (len(self.nodes) - len(rows))
        title = f"flow {self.name}" + (f": {self.description}" if self.description else "")
        headings = ("node", "action", "depends on", "trigger")
        return table_html(title, headings, rows, picture=svg_if_it_can_be(self.picture()))
