"""What a context needs from its surroundings, with plain data as arguments: here the store, elsewhere a socket.

Whatever an attempt asks for goes through one of these, so that a body may run in this process or in another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from dagger_actors.core.messages import ArtifactRecord, Output, SqlValue

__all__ = ["Backends", "OwnerSource", "ResourceSource", "StepPlace", "StepSource", "TableSource"]


class StepPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where the steps of one invocation are kept, and who may write them: the fence, all as ``StartAttempt`` gave it."""

    run_key: int
    node: int
    item: int
    owner: int
    epoch: int


class StepSource(Protocol):
    """Keeps the results of steps."""

    def find(self, place: StepPlace, name: str) -> Output | None:
        """Look for a stored result; None when there is none."""
        ...

    def keep(self, place: StepPlace, name: str, output: Output, artifacts: tuple[ArtifactRecord, ...]) -> Output:
        """Store a result: committed when this returns.

        Returns:
            What is stored; an earlier one when there was one.

        Raises:
            AttemptOver: The work is no longer this owner's.
            StoreError: It could not be written.
        """
        ...

    async def afind(self, place: StepPlace, name: str) -> Output | None:
        """``find``, without blocking the loop."""
        ...

    async def akeep(self, place: StepPlace, name: str, output: Output, artifacts: tuple[ArtifactRecord, ...]) -> Output:
        """``keep``, without blocking the loop."""
        ...


class ResourceSource(Protocol):
    """Gives the objects that a process has one of."""

    def get(self, kind: type) -> Any:
        """Give the process's object of that type.

        Raises:
            UnknownResource: There is none.
        """
        ...


class TableSource(Protocol):
    """Users' tables, as of the last commit; any thread, and it may block for a moment."""

    def check(self, sql: str, args: Sequence[SqlValue]) -> None:
        """Refuse what is not one statement that changes rows of users' tables.

        Raises:
            StatementRefused: It is not.
        """
        ...

    def query(self, sql: str, args: Sequence[SqlValue]) -> list[tuple[SqlValue, ...]]:
        """Read.

        Raises:
            StatementRefused: It is no query.
        """
        ...


class OwnerSource(Protocol):
    """Answers what only the contexts of one owner of attempts ask; any thread, and it may block for a moment."""

    def ask(self, question: str, arguments: bytes) -> bytes:
        """Answer.

        Args:
            question: What is asked for.
            arguments: MessagePack, as the question wants it.

        Returns:
            MessagePack.

        Raises:
            LookupError: It does not know the question.
        """
        ...


class Backends:
    """All that contexts of one process share.

    Attributes:
        steps: Keeps the results of steps.
        resources: Gives what a process has one of.
        tables: Reads users' tables.
        owner: Answers what else the owner's contexts ask.
        result_type: The type of what an action or agent of that name gives, as far as this process knows; else ``Any``.
    """

    def __init__(
        self,
        *,
        steps: StepSource,
        resources: ResourceSource,
        tables: TableSource,
        owner: OwnerSource,
        result_type: Callable[[str], Any] = lambda _name: Any,
    ) -> None:
        self.result_type = result_type
        self.tables = tables
        self.owner = owner
        self.steps = steps
        self.resources = resources
