"""Runs of flows that others than their callers start: what is written of them with the turn that starts them."""

from __future__ import annotations

import msgspec

from dagger_actors.errors import RunConflict

__all__ = ["ChildRun", "NewRun", "StartRuns"]


class NewRun(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A run to be written; its key is drawn when it is.

    Attributes:
        run_id: Its id.
        flow_name: The flow's name.
        definition_id: The definition that it is pinned to.
        config: The settings in force, as JSON text.
        inputs: A JSON object.
        imports: Where its actions are, as JSON text.
        definition: That definition, as its format and JSON text; None = it is in the database already, or comes with another run.
        is_unique: Whether a run that has its id must be of the same definition and inputs; else whichever has it will do,
            but for one inside another run.
    """

    run_id: str
    flow_name: str
    definition_id: str
    config: str
    inputs: str
    imports: str
    definition: tuple[int, str] | None = None
    is_unique: bool = True

    def refuse_other(self, definition_id: str, inputs: str, *, is_inside: bool = False) -> None:
        """Refuse to be a run that is there already: one inside another, and if this one is unique, other work.

        Raises:
            RunConflict: It is inside another run, of another definition or other inputs.
        """
        if is_inside:
            raise RunConflict(self.run_id, "parent")
        if not self.is_unique:
            return
        if definition_id != self.definition_id:
            raise RunConflict(self.run_id, "definition")
        if msgspec.json.decode(inputs) != msgspec.json.decode(self.inputs):
            raise RunConflict(self.run_id, "inputs")


class StartRuns(msgspec.Struct, frozen=True):
    """Write runs that nobody owns yet; answers for each whether it is new. Not if its id is that of other work.

    Attributes:
        runs: In order.
        now_us: Wall microseconds.
    """

    runs: tuple[NewRun, ...]
    now_us: int


class ChildRun(msgspec.Struct, frozen=True, gc=False):
    """The run of a flow that is a node of another run; written in the unit that begins the node's wait for it.

    Attributes:
        run_key: Its key, if it is new: there is one run for the node, or for each item of it, however often that is tried.
        run_id: Its id, made of the other run's, the node's and the item's key.
        root_run: Key of the run that somebody has started, above all others.
        parent_run: Key of the run of whose nodes it is one.
        flow_name: The flow's name.
        definition_id: The definition that it is pinned to.
        definition: That, as JSON text.
        config: The settings in force, as JSON text.
        inputs: A JSON object.
        imports: Where its actions are, as JSON text.
    """

    run_key: int
    run_id: str
    root_run: int
    parent_run: int
    flow_name: str
    definition_id: str
    definition: str
    config: str
    inputs: str
    imports: str
