"""The house of a simulated worker: its actors have the stubs of the simulation, and what they send is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dagger_actors.supervised.house import House
from dagger_actors.supervised.ref import ASK_S, Ref
from dagger_actors.testing.wire_check import WireCheck

if TYPE_CHECKING:
    from dagger_actors.actors.runtime import Runtime
    from dagger_actors.actors.telemetry import Telemetry
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.lifecycle import Lifecycle
    from dagger_actors.supervised.traits import Traits
    from dagger_actors.supervised.undelivered import Undelivered
    from dagger_actors.testing.handler_stubs import HandlerStubs

__all__ = ["SimulatedHouse"]


class SimulatedHouse(House):
    """What all actors of one simulated worker share.

    Args:
        worker: Its name.
        stubs: Those of the simulation.
        wire: Looks at what is sent.
        runtime: The world as the worker sees it.
        listen: Told of undelivered mail.
        telemetry: Told what happens.
    """

    def __init__(
        self,
        worker: str,
        stubs: HandlerStubs,
        wire: WireCheck,
        runtime: Runtime,
        listen: Callable[[Undelivered], None] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(runtime, listen, telemetry)
        self._worker = worker
        self._stubs = stubs
        self._wire = wire

    def traits_of(self, cls: type[Actor]) -> Traits:
        """What the actors of a class do here."""
        return self._stubs.traits_of(self._worker, cls)

    def ref_of(self, cell: Lifecycle) -> Ref:
        """Make a reference that checks what is sent."""
        return CheckedRef(cell, self._wire)

    def encode(self, message: object) -> bytes:
        """Encode a message, and check it."""
        self._wire.look(message)
        return super().encode(message)

    def copied(self, result: Any) -> Any:
        """Copy an answer, and check it."""
        copy = super().copied(result)  # which says what is wrong with one that cannot be sent
        if self._wire.is_on:
            self._wire.look_at_answer(result)
        return copy


class CheckedRef(Ref):
    """A reference that checks what is sent."""

    __slots__ = ("_wire",)

    def __init__(self, cell: Lifecycle, wire: WireCheck) -> None:
        super().__init__(cell)
        self._wire = wire

    def tell(self, message: Any) -> None:
        """As any reference's."""
        self._wire.look(message)
        super().tell(message)

    async def atell(self, message: Any) -> None:
        """As any reference's."""
        self._wire.look(message)
        await super().atell(message)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = ASK_S) -> Any:
        """As any reference's."""
        self._wire.look(message)
        return super().ask(message, block=block, timeout=timeout)
