"""``ctx.step``: work whose result is kept as soon as it is there, so that it is never computed or paid for twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.bodies.backends import StepPlace, StepSource
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.bodies.outputs import to_output
from dagger_actors.bodies.secret import Mask
from dagger_actors.core.messages import ArtifactRecord, Inline, Output
from dagger_actors.errors import StepRefused

__all__ = ["MOST_STEPS", "Steps"]

MOST_STEPS = 10_000
"""Different steps one attempt may take."""

LONGEST_NAME = 200


class Steps:
    """The steps of one attempt.

    Args:
        place: Where they are kept.
        source: Keeps them.
        artifacts: Where large results go.
        mask: What no result may hold.
    """

    def __init__(self, place: StepPlace, *, source: StepSource, artifacts: ArtifactSource, mask: Mask) -> None:
        self._mask = mask
        self._place = place
        self._source = source
        self._artifacts = artifacts
        self._names: set[str] = set()
        self._running: set[str] = set()

    def take(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See ``BodyContext.step``."""
        refuse_on_loop("ctx.step()", "await ctx.astep(...)")
        if inspect.iscoroutinefunction(function):
            raise StepRefused(name, "its function is a coroutine function", "use `await ctx.astep(...)`")
        with self._one(name):
            kept = self._source.find(self._place, name)
            if kept is None:
                output, records = self._output(function(*args, **kwargs))
                kept = self._source.keep(self._place, name, output, records)
            return self._value(kept)

    async def atake(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """See ``BodyContext.astep``."""
        with self._one(name):
            kept = await self._source.afind(self._place, name)
            if kept is None:
                result = function(*args, **kwargs)
                if inspect.isawaitable(result):
                    result = await result
                output, records = self._output(result)
                kept = await self._source.akeep(self._place, name, output, records)
            return self._value(kept)

    @contextmanager
    def _one(self, name: str) -> Iterator[None]:
        if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= LONGEST_NAME:
            raise StepRefused(name, f"a step's name is text of 1 to {LONGEST_NAME} printable characters")
        if name in self._running:
            raise StepRefused(name, "it is being taken already in this attempt", "give every step a name of its own")
        if len(self._names | {name}) > MOST_STEPS:
            raise StepRefused(name, f"an attempt takes at most {MOST_STEPS:,} steps", "store several results in one")
        self._names.add(name)
        self._running.add(name)
        try:
            yield
        finally:
            self._running.discard(name)

    def _output(self, result: Any) -> tuple[Output, tuple[ArtifactRecord, ...]]:
        output, records = to_output(result, (), self._artifacts)
        if isinstance(output, Inline):
            self._mask.refuse(output.json)
        return output, records

    def _value(self, output: Output) -> Any:
        # Also the first time: whoever repeats the attempt must not get another type than the attempt before.
        if isinstance(output, Inline):
            return msgspec.json.decode(output.json)
        content = self._artifacts.load(output.artifact_id)
        return content if output.kind == "bytes" else msgspec.json.decode(content)
