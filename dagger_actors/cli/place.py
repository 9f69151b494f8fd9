"""Where commands that run users' code run it: options that ``run``, ``resume``, ``retry`` and ``fork`` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dagger_actors.bodies.named_resources import factories_at
from dagger_actors.bodies.resources import Factory
from dagger_actors.cli.command_line import command
from dagger_actors.cli.options import DEFAULT_DATABASE, Database, Imports, Processes, Resources, Schema, Wait
from dagger_actors.flow.running.run_events import Observer
from dagger_actors.system import ActorSystem

__all__ = ["Here", "Place", "resources_at"]


# A dataclass: its fields can be options, those of a Struct cannot.
@dataclass(frozen=True, kw_only=True)
class Place:
    """What a command's system is opened with.

    Attributes:
        wait: Whether to stay while nothing but people are awaited.
        db: The database.
        imports: Where actions are.
        processes: Attempts in worker processes at once; None = as many as there are cores.
        schema: The script of users' tables; None = none.
        resources: Where the mapping of resources is; None = there are none.
    """

    wait: Wait = False
    db: Database = DEFAULT_DATABASE
    imports: Imports = ()
    processes: Processes = None
    schema: Schema = None
    resources: Resources = None

    def open(self, observe: Observer) -> ActorSystem:
        """Open the system; it takes over nobody's runs.

        Raises:
            DefinitionError: The resources cannot be imported.
        """
        return ActorSystem(
            self.db,
            imports=self.imports,
            resources=resources_at(self.resources),
            recover=False,
            schema=self.schema,
            processes=self.processes,
            observer=observe,
        )

    def again(self, verb: str, *words: str, options: Sequence[tuple[str, str]] = ()) -> str:
        """Write the command that goes on in the same place."""
        return command(verb, *words, options=[*options, *self.needs], db=self.db, imports=self.imports)

    @property
    def needs(self) -> tuple[tuple[str, str], ...]:
        """The options that its code needs whenever it runs, besides where it is."""
        named = (("--schema", self.schema), ("--resources", self.resources))
        return tuple((name, value) for name, value in named if value is not None)


Here = Annotated[Place, Parameter(name="*")]
"""A command's place, each field an option of its own."""


def resources_at(reference: str | None) -> Mapping[type, Factory] | None:
    """Import the mapping of resources that a command line names; None where it names none.

    Raises:
        DefinitionError: It cannot be imported, or is no mapping.
    """
    return None if reference is None else factories_at(reference, Path.cwd())
