"""The cell of an actor in a system that is traced: each envelope holds its sender's context, each handler runs in a span.

A class of its own, so that a system without telemetry has not so much as a question about it on its way.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dagger_actors.actors.telemetry import Handling, Receiver, Telemetry
from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.durable import DurableCell
from dagger_actors.supervised.wire import kind_of

if TYPE_CHECKING:
    from dagger_actors.supervised.family import Parent
    from dagger_actors.supervised.handlers import Handler
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.traits import Traits
    from dagger_actors.supervised.turn import Turn
    from dagger_actors.supervised.wire import Letter

__all__ = ["Traced", "TracedCell", "TracedDurableCell"]


class Lane(deque["Letter"]):
    """A queue that puts the sender's context into each letter that has none; ``append`` is every sender's way in."""

    def __init__(self, telemetry: Telemetry) -> None:
        super().__init__()
        self._context = telemetry.context

    def append(self, letter: Letter) -> None:
        """Queue a letter; on the sender's thread."""
        super().append((*letter[:3], self._context()) if letter[3] is None else letter)


class Traced(Cell):
    """What a traced actor's cell does besides.

    Attributes:
        receiver: The actor, as spans name it.
        telemetry: Told of it.
    """

    __slots__ = ()

    receiver: Receiver
    telemetry: Telemetry

    def __init__(self, traits: Traits, house: House, parent: Parent, **options: Any) -> None:
        every_handler_the_long_way = copy.copy(traits)
        every_handler_the_long_way.short = {}
        every_handler_the_long_way.runs_here = False
        super().__init__(every_handler_the_long_way, house, parent, **options)
        assert house.telemetry is not None
        self.telemetry = house.telemetry  # type: ignore[misc]  # the slots are those of the classes below
        self.lane = Lane(self.telemetry)
        self.receiver = Receiver(  # type: ignore[misc]
            self.name, traits.cls.__name__, parent is house.nursery
        )

    def _call(self, turn: Turn, found: Handler, message: object, letters: tuple[Letter, ...]) -> bool:
        contexts = tuple(letter[3] for letter in letters if letter[3])
        what = Handling(
            self.receiver, kind_of(letters[0]), getattr(found.call, "__qualname__", found.name), contexts, len(letters)
        )
        call = _awaited if found.is_async else _called
        return super()._call(turn, found._replace(call=call(self.telemetry, what, found.call)), message, letters)


class TracedCell(Traced):
    """One actor of a system that is traced."""

    __slots__ = ("receiver", "telemetry")


class TracedDurableCell(Traced, DurableCell):
    """One durable actor of a system that is traced; its commits are in nobody's span, for no code of its runs meanwhile."""

    __slots__ = ("receiver", "telemetry")


def _called(telemetry: Telemetry, what: Handling, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        with telemetry.handling(what):
            return method(*arguments)

    return call


def _awaited(telemetry: Telemetry, what: Handling, method: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*arguments: Any) -> Any:
        with telemetry.handling(what):
            return await method(*arguments)

    call.__qualname__ = what.handler  # the coroutine's, which whoever lists tasks will see
    return call
