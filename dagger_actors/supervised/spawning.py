"""How actors come into being: their cells are made, and temporary ones begun, within what the system and their owner allow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dagger_actors.errors import ActorStopped, NameTaken, RequestError, SystemClosed, TurnRefused
from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.durable import DurableCell
from dagger_actors.supervised.effects import Effects, effects_here, seen
from dagger_actors.supervised.traced import TracedCell, TracedDurableCell

if TYPE_CHECKING:
    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.bounds import MailboxSpec
    from dagger_actors.supervised.family import Parent
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.lifecycle import Lifecycle
    from dagger_actors.supervised.ref import Ref
    from dagger_actors.supervised.traits import Traits

__all__ = ["Spawning"]


class Spawning:
    """Makes them.

    Args:
        house: What all actors of the system share.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._names = house.names
        self._headcount = house.headcount
        self._cell: type[Cell] = Cell if house.telemetry is None else TracedCell

    def spawn(
        self,
        cls: type[Actor],
        config: object = None,
        *,
        name: str | None = None,
        mailbox: MailboxSpec | None = None,
        owner: tuple[Lifecycle, int] | None = None,
    ) -> Ref:
        """Start a temporary actor: when it ends, for whatever reason, it is gone.

        Args:
            cls: Its class.
            config: For its ``config``: the Struct or a mapping.
            name: Its name; None = made from its class.
            mailbox: Its bound, instead of the class's.
            owner: Whose incarnation it does not outlive, and which; None = the system's.

        Raises:
            ConfigRefused: The config does not fit.
            NameTaken: There is an actor of that name.
            TooManyActors: The system has as many as it may have.
            ActorStopped: The owner's incarnation is over.
            SystemClosed: The system is being left.
        """
        if owner is not None and not owner[0].is_on(owner[1]):
            raise ActorStopped(owner[0].name)
        cell = self.cell_of(cls, config, name=name, mailbox=mailbox, parent=self._house.nursery)
        if not self._house.nursery.take(cell):
            cell.close()  # who knows the name may have sent it something
            raise SystemClosed
        effects = effects_here() if seen.any else None
        if effects is not None:
            self._spawn_later(effects, cell, owner)
        elif not self._begin_spawned(cell, owner):
            assert owner is not None
            raise ActorStopped(owner[0].name)
        return self._house.ref_of(cell)

    def _begin_spawned(self, cell: Cell, owner: tuple[Lifecycle, int] | None) -> bool:
        """Begin an actor; False when its owner's incarnation is over, and so is it."""
        if cell.traits.begins_at_once:
            cell.begin(1)
        else:
            cell.begin_idle()
        # Only what has begun can be ended: whoever ends it, because its owner or the system does, must find it so.
        is_owned = owner is None or owner[0].adopt(cell, owner[1])
        if not is_owned or self._house.nursery.is_closing:
            cell.end(1)
        return is_owned

    def _spawn_later(self, effects: Effects, cell: Cell, owner: tuple[Lifecycle, int] | None) -> None:
        """Begin an actor when the durable turn that spawns it is committed."""

        def is_not_born(_reason: BaseException) -> None:
            self._house.nursery.drop(cell)

        try:
            effects.add(partial(self._begin_spawned, cell, owner), is_not_born)
        except TurnRefused as error:
            is_not_born(error)
            raise

    def cell_of(
        self, cls: type[Actor], config: object, *, name: str | None, mailbox: MailboxSpec | None, parent: Parent
    ) -> Cell:
        """Make the cell of an actor that has not begun."""
        traits = self._house.traits_of(cls)
        traits.check()
        bound = mailbox or traits.mailbox
        cell = self._kind_of_cell(traits, name)(
            traits,
            self._house,
            parent,
            config=traits.make_config(config),
            name=name,
            capacity=bound.capacity,
            overflow=bound.overflow,
        )
        self._headcount.enter()
        if name is not None:
            try:
                self._names.claim(name, cell)
            except NameTaken:
                self._headcount.leave()
                raise
        return cell

    def _kind_of_cell(self, traits: Traits, name: str | None) -> Callable[..., Cell]:
        if traits.codec is None:
            return self._cell
        if name is None:
            raise RequestError(f"{traits.cls.__name__} is durable: its state is found again by its name; give it one")
        assert self._house.states is not None, "a system has them"
        kind = DurableCell if self._house.telemetry is None else TracedDurableCell
        return partial(kind, states=self._house.states, codec=traits.codec)
