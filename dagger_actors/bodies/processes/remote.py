"""What a context asks for, when its body runs in a worker process: each question goes to the parent and waits there.

The worker opens no database. Questions and answers are MessagePack; an error comes back as it was raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.bodies.backends import Backends, StepPlace
from dagger_actors.core.messages import ArtifactRecord, Output, SqlValue
from dagger_actors.errors import RequestError

__all__ = ["Questions", "remote_backends"]

_encode = msgspec.msgpack.encode
_place_and_name = msgspec.msgpack.Decoder(tuple[StepPlace, str])
_result = msgspec.msgpack.Decoder(tuple[StepPlace, str, Output, tuple[ArtifactRecord, ...]])
_statement = msgspec.msgpack.Decoder(tuple[str, list[Any]])
_text = msgspec.msgpack.Decoder(str)

Ask = Callable[[str, bytes], bytes]

OWNERS = "owner."
"""Goes before the questions of an owner's own contexts."""


class Questions:
    """The parent's side: answers what its worker asks.

    Args:
        backends: What is asked.
        artifacts: What is asked for artifacts.
    """

    def __init__(self, backends: Backends, artifacts: ArtifactSource) -> None:
        self._backends = backends
        self._artifacts = artifacts

    def answer(self, name: str, arguments: bytes) -> bytes:
        """Answer one question; raises whatever the backend raises.

        Raises:
            LookupError: Nobody answers that.
        """
        steps, tables = self._backends.steps, self._backends.tables
        match name:
            case "load":
                return _encode(self._artifacts.load(_text.decode(arguments)))
            case "step.find":
                return _encode(steps.find(*_place_and_name.decode(arguments)))
            case "step.keep":
                return _encode(steps.keep(*_result.decode(arguments)))
            case "sql.check":
                tables.check(*_statement.decode(arguments))
                return b""
            case "sql.query":
                return _encode(tables.query(*_statement.decode(arguments)))
            case _:
                return self._backends.owner.ask(name.removeprefix(OWNERS), arguments)


class RemoteSteps:
    """Implements ``backends.StepSource``."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def find(self, place: StepPlace, name: str) -> Output | None:
        """Look for a stored result; None when there is none."""
        found: Output | None = msgspec.msgpack.decode(
            self._ask("step.find", _encode((place, name))), type=Output | None
        )
        return found

    def keep(self, place: StepPlace, name: str, output: Output, artifacts: tuple[ArtifactRecord, ...]) -> Output:
        """Store a result: committed when this returns."""
        kept: Output = msgspec.msgpack.decode(
            self._ask("step.keep", _encode((place, name, output, artifacts))), type=Output
        )
        return kept

    async def afind(self, place: StepPlace, name: str) -> Output | None:
        """``find``, without blocking the loop."""
        return await asyncio.to_thread(self.find, place, name)

    async def akeep(self, place: StepPlace, name: str, output: Output, artifacts: tuple[ArtifactRecord, ...]) -> Output:
        """``keep``, without blocking the loop."""
        return await asyncio.to_thread(self.keep, place, name, output, artifacts)


class RemoteTables:
    """Implements ``backends.TableSource``."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def check(self, sql: str, args: Sequence[SqlValue]) -> None:
        """Refuse what is not one statement that changes rows of users' tables."""
        self._ask("sql.check", _encode((sql, list(args))))

    def query(self, sql: str, args: Sequence[SqlValue]) -> list[tuple[SqlValue, ...]]:
        """Read."""
        rows = msgspec.msgpack.decode(self._ask("sql.query", _encode((sql, list(args)))))
        return [tuple(row) for row in rows]


class RemoteOwner:
    """Implements ``backends.OwnerSource``."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def ask(self, question: str, arguments: bytes) -> bytes:
        """Pass the question on."""
        return self._ask(f"{OWNERS}{question}", arguments)


class NoResources:
    """Implements ``backends.ResourceSource``: what a process has one of stays in the process that made it."""

    def get(self, kind: type) -> Any:
        """Refuse.

        Raises:
            RequestError: Always.
        """
        raise RequestError(
            f"ctx.resource({kind.__name__}) is for actions in the system's own process; "
            "make it in the action, or leave out `isolation: process`"
        )


def remote_backends(ask: Ask) -> Backends:
    """What the contexts of a worker process share."""
    return Backends(steps=RemoteSteps(ask), resources=NoResources(), tables=RemoteTables(ask), owner=RemoteOwner(ask))
