"""What a run starts with: its flow found, its settings and inputs judged, all of it encoded as its row holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dagger_actors.core.protocols import Write
from dagger_actors.core.run_rows import NewRun
from dagger_actors.errors import RequestError
from dagger_actors.flow.definition import FORMAT, FlowConfig, FlowDefinition
from dagger_actors.flow.definition.inputs import check_inputs, encode_inputs
from dagger_actors.flow.stored.child_runs import LONGEST_ID
from dagger_actors.flow.verbs.catalog import Catalog, FlowSource, LoadedFlow, pinned

__all__ = ["LONGEST_ID", "PinnedFlow", "Prepared", "RunSettings", "check_run_id", "pin", "prepare"]


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What may be said of one run instead of what its flow says.

    Attributes:
        parallel: Instead of the flow's ``max_parallel_nodes``; 1 or more.
        sequential: One node at a time.
        use_cache: False = nodes with ``cache`` compute anew, and store what they computed.
    """

    parallel: int | None = None
    sequential: bool = False
    use_cache: bool = True


class PinnedFlow(msgspec.Struct, frozen=True, eq=False):
    """A flow as runs are pinned to it.

    Attributes:
        loaded: The flow, with its actions.
        definition: Its definition, wherever it was loaded from.
        definition_id: SHA-256 of that.
        body: It as JSON text.
        places: Where its actions are, as JSON text.
    """

    loaded: LoadedFlow
    definition: FlowDefinition
    definition_id: str
    body: str
    places: str

    def write(self, now_us: int) -> Write:
        """Put the definition into the database, where it may be already."""
        row = (self.definition_id, self.definition.name, FORMAT, self.body, now_us)
        return Write("definitions.put", (row,), None)


class Prepared(msgspec.Struct, frozen=True, eq=False):
    """A run that can be written.

    Attributes:
        flow: Its flow.
        config: The settings in force.
        run: The row, but for its key and owner.
    """

    flow: PinnedFlow
    config: FlowConfig
    run: NewRun


def pin(catalog: Catalog, flow: FlowSource) -> PinnedFlow:
    """Find a flow.

    Raises:
        DefinitionError: It cannot run.
    """
    loaded = catalog.find(flow)
    definition = msgspec.structs.replace(loaded.definition, file="")
    definition_id, body = pinned(definition)
    return PinnedFlow(loaded, definition, definition_id, body.decode(), catalog.places(loaded))


def prepare(
    catalog: Catalog, flow: PinnedFlow, inputs: Mapping[str, Any], run_id: str, settings: RunSettings
) -> Prepared:
    """Judge what is said of a run, but for its id, which who chooses it has judged: see ``check_run_id``.

    Raises:
        DefinitionError: It would want more threads than there are.
        InvalidInputs: The flow does not take these inputs.
        RequestError: A setting cannot be.
    """
    config = catalog.config(
        flow.loaded, settings.parallel, sequential=settings.sequential, use_cache=settings.use_cache
    )
    encoded = encode_inputs(check_inputs(flow.definition, inputs))
    text = msgspec.json.encode(config).decode()
    return Prepared(flow, config, NewRun(run_id, flow.definition.name, flow.definition_id, text, encoded, flow.places))


def check_run_id(run_id: object) -> None:
    """Refuse what is no run id for people to choose: those with a ``/`` are of runs inside others, and of triggers.

    Raises:
        RequestError: It is none.
    """
    if not isinstance(run_id, str) or not 0 < len(run_id) <= LONGEST_ID or not run_id.isprintable():
        raise RequestError(f"a run id is 1 to {LONGEST_ID} printable characters without '/'")
    if "/" in run_id:
        near = run_id.replace("/", "-")
        raise RequestError(
            f"a run id has no '/', which runs inside others have (RUN/NODE), not {run_id!r}; write {near!r}"
        )
