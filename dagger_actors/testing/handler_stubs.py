"""Stubs for handlers: what stands in for what the actors of a class do with the messages of a type."""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any

import msgspec

from dagger_actors.errors import RequestError
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.handlers import Handler, HandlerTable
from dagger_actors.supervised.traits import Traits, traits_of
from dagger_actors.testing.errors import UnusedStub
from dagger_actors.testing.script import Failure, Failures, Script
from dagger_actors.testing.world import World

if TYPE_CHECKING:
    from dagger_actors.supervised.context import ActorContext

__all__ = ["HandlerCall", "HandlerStub", "HandlerStubs"]

MOST_CALLS = 100_000
"""Calls that one stub records; the next one is refused."""


class HandlerCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a handler's stub.

    Attributes:
        message: What the handler would have been given; a list when it takes batches.
        actor: The actor's name.
        incarnation: Which of its incarnations, from 1.
        worker: The worker that ran it: ``w1`` is the first that was started.
        began_s: When it began, in virtual seconds since the start of the simulation.
    """

    message: Any
    actor: str
    incarnation: int
    worker: str
    began_s: float


class HandlerStub:
    """Stands in for a handler in every worker of a simulation; made by ``Simulation.stub_handler``.

    The actors are those of the class: their other handlers, their config, mailbox and supervision stay as they are, and what
    the stub raises is their failure.

    >>> import msgspec
    >>> from dagger_actors import Actor, handler
    >>> from dagger_actors.testing import Outcomes, simulate
    >>> class Fetch(msgspec.Struct, frozen=True):
    ...     page: int
    >>> class Fetcher(Actor):
    ...     @handler
    ...     def fetch(self, fetch: Fetch) -> str:
    ...         raise NotImplementedError("this would ask a server")
    >>> with simulate(1) as sim:
    ...     stub = sim.stub_handler(Fetcher, Fetch, returns=Outcomes("one", "two"), takes_s=30)
    ...     fetcher = sim.system(agents=[Fetcher]).actors["fetcher"]
    ...     print(fetcher.ask(Fetch(1), timeout=60), fetcher.ask(Fetch(2), timeout=60))
    ...     print([(call.message.page, call.began_s) for call in stub.calls])
    one two
    [(1, 0.0), (2, 30.0)]

    Attributes:
        name: The class and the message.
        calls: Every call so far, in order, those of workers that were killed too.
    """

    def __init__(self, world: World, cls: type[Actor], kind: type, script: Script) -> None:
        self.name = f"{cls.__name__}'s handler of {kind.__name__}"
        self.calls: list[HandlerCall] = []
        self.is_bound = False
        self.cls = cls
        self.kind = kind
        self.written = traits_of(cls).table.by_class[kind]
        self._world = world
        self._script = script
        self._wants_context = script.required == 2

    def __repr__(self) -> str:
        return f"<HandlerStub of {self.name}, called {len(self.calls):,} times>"

    def fits(self, traits: Traits) -> bool:
        """Whether it stands in for a handler of a class: its own, or one that has inherited it."""
        found = traits.table.by_class.get(self.kind)
        return issubclass(traits.cls, self.cls) and found is not None and found.call is self.written.call

    def stand_in(self, written: Handler, worker: str, *, is_async: bool) -> Handler:
        """Make the handler that the actors of one worker have instead of the one that is written."""
        self.is_bound = True

        def plain(_actor: Actor, message: Any, ctx: ActorContext) -> Any:
            failure = self._begin(message, worker, ctx)
            self._script.pass_time(worker, self.name)
            return self._script.end(failure, {}, *self._given(message, ctx))

        async def on_loop(_actor: Actor, message: Any, ctx: ActorContext) -> Any:
            failure = self._begin(message, worker, ctx)
            await asyncio.sleep(self._script.takes_s)
            return self._script.end(failure, {}, *self._given(message, ctx))

        return written._replace(
            call=on_loop if is_async else plain, is_plain=False, wants_context=True, is_async=is_async
        )

    def _given(self, message: Any, ctx: ActorContext) -> tuple[Any, ...]:
        return (message, ctx) if self._wants_context else (message,)

    def _begin(self, message: Any, worker: str, ctx: ActorContext) -> Failure | None:
        if len(self.calls) >= MOST_CALLS:
            raise RequestError(f"the stub of {self.name} has been called {MOST_CALLS:,} times, which is all it records")
        failure = self._script.failure(len(self.calls))
        began_s = self._world.mono_us / 1e6
        self.calls.append(
            HandlerCall(message=message, actor=ctx.name, incarnation=ctx.incarnation, worker=worker, began_s=began_s)
        )
        return failure


class HandlerStubs:
    """The stubs for handlers of one simulation; a later one for the same handler replaces an earlier one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stubs: dict[tuple[type, type], HandlerStub] = {}
        self._staged: dict[tuple[str, type], Traits] = {}

    def add(
        self, cls: type[Actor], kind: type, *, returns: Any, takes_s: float, fails: Failures, times: int | None
    ) -> HandlerStub:
        """Make a stub, for the actors that run too; see ``Simulation.stub_handler``."""
        _refuse_targets(cls, kind)
        script = Script(self._world, returns=returns, takes_s=takes_s, fails=fails, times=times)
        stub = self._stubs[cls, kind] = HandlerStub(self._world, cls, kind, script)
        for (worker, _), staged in self._staged.items():
            self._enter(staged, worker)
        return stub

    def traits_of(self, worker: str, cls: type[Actor]) -> Traits:
        """What the actors of a class do in one worker; the same object each time, so that actors hear of later stubs."""
        staged = self._staged.get((worker, cls))
        if staged is None:
            staged = self._staged[worker, cls] = copy.copy(traits_of(cls))
            staged.table = HandlerTable({}, {}, staged.table.is_async)
            self._enter(staged, worker)
        return staged

    def check(self) -> None:
        """Refuse to end with a stub that stood in for nothing.

        Raises:
            UnusedStub: There is one.
        """
        for stub in self._stubs.values():
            if not stub.is_bound:
                raise UnusedStub(
                    f"no worker has started an actor of class {stub.cls.__name__}, so the stub of {stub.name} stood in for nothing"
                )

    def _enter(self, staged: Traits, worker: str) -> None:
        written = traits_of(staged.cls)
        found = {stub.kind: stub for stub in self._stubs.values() if stub.fits(written)}
        table = staged.table  # changed in place: a traced actor has a copy of its traits
        table.by_class.update(written.table.by_class)
        for kind, stub in found.items():
            table.by_class[kind] = stub.stand_in(table.by_class[kind], worker, is_async=written.dispatcher == "io")
        table.by_name.update({kind.__name__: one for kind, one in table.by_class.items()})
        staged.short = {kind: one for kind, one in written.short.items() if kind not in found}


def _refuse_targets(cls: object, kind: object) -> None:
    if not isinstance(cls, type) or not issubclass(cls, Actor):
        raise RequestError(f"a stub stands in for a handler of an actor class, not of {cls!r:.100}")
    known = traits_of(cls).table.by_class
    if kind not in known:
        name = kind.__name__ if isinstance(kind, type) else repr(kind)[:100]
        takes = ", ".join(sorted(one.__name__ for one in known)) or "nothing"
        raise RequestError(
            f"{cls.__name__} has no @handler for {name} that a stub could stand in for; it takes {takes}"
        )
