"""What a replayed attempt gets by ``ctx.resource(Type)``: made anew, as a system makes what its program tells it how to."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

import pykka

from dagger_actors.actors.loop import LoopDispatcher
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.bodies.resources import Factory, Resources
from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.importing import Wanted, find_target, import_target, split_reference

__all__ = ["ReplayResources", "factories_at"]

A_MAPPING = Wanted(noun="mapping of resources", outcome="nothing was replayed")

CLOSE_S = 5.0
"""How long async resources may take to close."""


def factories_at(reference: str, folder: Path) -> Mapping[type, Factory]:
    """Import the mapping that ``module:NAME`` or ``file.py:NAME`` names.

    Args:
        reference: The reference.
        folder: Where to look first.

    Raises:
        DefinitionError: It cannot be imported, or is no mapping.
    """
    target, name = split_reference(reference, A_MAPPING)
    module = _loaded(find_target(target, folder)) or import_target(target, folder, A_MAPPING)
    found = getattr(module, name, None) if name else None
    if isinstance(found, Mapping):
        return found
    what = f"is no mapping but {type(found).__name__}" if found is not None else "names no mapping of resources"
    advice = "Write file.py:NAME, where NAME is what your program gives ActorSystem(resources=NAME)."
    raise DefinitionError([Problem(f"{quoted(reference)} {what}", advice)])


def _loaded(place: str) -> ModuleType | None:
    """The module that a file is already, by whatever name an action's code has imported it: its types are asked for."""
    path = Path(place)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is not None and place and Path(file).name == path.name and Path(file).resolve() == path:
            return module
    return None


class ReplayResources:
    """Implements ``bodies.backends.ResourceSource``; closed when it is left.

    Args:
        reference: Where the mapping is that says how to make them.
        folder: What that is relative to.
    """

    def __init__(self, reference: str, folder: Path) -> None:
        self._reference = reference
        self._folder = folder
        self._io = LoopDispatcher("replay")
        self._resources = Resources({}, io=self._io, wait=_wait)

    def __enter__(self) -> Self:
        """Nothing is made yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close what was made, the last one first."""
        self._resources.close(CLOSE_S)
        self._io.close(CLOSE_S)

    def make(self) -> None:
        """Make them all; once the actions are loaded, whose types they are made for.

        Raises:
            DefinitionError: The mapping cannot be imported, or is none.
            RequestError: A key of it is no type, or a factory cannot be called.
            ResourceFailed: One cannot be made.
        """
        factories = factories_at(self._reference, self._folder)
        self._resources = Resources(factories, io=self._io, wait=_wait)
        self._resources.enter()

    def get(self, kind: type) -> Any:
        """Give the object of that type.

        Raises:
            UnknownResource: Nobody said how to make one.
        """
        return self._resources.get(kind)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run the coroutine of an action where async resources live, and give its result."""
        result, error = asyncio.run_coroutine_threadsafe(_ended(coroutine), self._io.loop).result()
        if error is not None:
            raise error
        return result


async def _ended(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    try:
        return await coroutine, None
    except BaseException as error:  # noqa: BLE001 - a SystemExit would end the loop, and nobody would hear of it
        return None, error


def _wait(future: ReplyFuture[Any], timeout_s: float | None) -> Any:
    try:
        return future.get(timeout=timeout_s)
    except pykka.Timeout:
        raise TimeoutError(f"no answer within {timeout_s:g} s") from None
