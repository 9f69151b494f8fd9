"""Stubs: what stands in for an action under a simulation, with results, durations and failures as a test wants them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from dagger_actors.bodies.actions import Action, marked_name
from dagger_actors.errors import RequestError
from dagger_actors.flow.actions.context import Context
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.testing.errors import UnusedStub
from dagger_actors.testing.script import Failure, Failures, Script
from dagger_actors.testing.world import World

__all__ = ["Stub", "StubCall", "Stubs"]

MOST_CALLS = 100_000
"""Calls that one stub records; the next one is refused."""

CONTEXT = "the context of a stub"
"""The parameter by which a stub learns of the attempt, where the action itself has none: no name that a function can have."""


class StubCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a stub.

    Attributes:
        inputs: What its parameters would have been, by name, decoded by their type hints, defaults included; without the
            context.
        run_id: The run.
        node_id: The node.
        invocation_key: The map item's key; empty when the node is not mapped.
        attempt: Which attempt, from 1.
        worker: The worker that ran it: ``w1`` is the first that was started.
        began_s: When it began, in virtual seconds since the start of the simulation.
    """

    inputs: dict[str, Any]
    run_id: str
    node_id: str
    invocation_key: str
    attempt: int
    worker: str
    began_s: float


class Stub:
    """Stands in for an action in every worker of a simulation; made by ``Simulation.stub``.

    It has the action's parameters, type hints and kind (plain or ``async``), so a flow is checked as it would be, and a
    result that does not fit the return hint fails the attempt.

    >>> from dagger_actors import action
    >>> from dagger_actors.testing import simulate
    >>> @action
    ... def fetch(page: int) -> str:
    ...     raise NotImplementedError("this would ask a server")
    >>> nodes = [{"id": "n", "action": "fetch", "inputs": {"page": {"value": 3}}, "try_count": 2}]
    >>> with simulate(1) as sim:
    ...     stub = sim.stub(fetch, returns="text", takes_s=30, fails=ConnectionError("down"), times=1)
    ...     print(sim.system().flows.start({"name": "web", "nodes": nodes}).result())
    ...     print([(call.attempt, call.inputs) for call in stub.calls], round(sim.now_s))
    {'n': 'text'}
    [(1, {'page': 3}), (2, {'page': 3})] 60

    Attributes:
        name: The action's name.
        calls: Every call so far, in order, those of workers that were killed too.
    """

    def __init__(
        self, world: World, name: str, *, returns: Any, takes_s: float, fails: Failures, times: int | None
    ) -> None:
        self.name = name
        self.calls: list[StubCall] = []
        self.is_bound = False
        self._world = world
        self._script = Script(world, returns=returns, takes_s=takes_s, fails=fails, times=times)

    def __repr__(self) -> str:
        return f"<Stub of {self.name}, called {len(self.calls):,} times>"

    def stand_in(self, written: Action, worker: str) -> Action:
        """Make the action that one worker runs instead of the one that is written."""
        self.is_bound = True
        context = written.context_parameter or CONTEXT
        parameters = inspect.signature(written.source).parameters.values()
        defaults = {one.name: one.default for one in parameters if one.default is not one.empty and one.name != context}
        begin, end = functools.partial(self._begin, context, worker, defaults), self._end

        @functools.wraps(written.source)
        def plain(**given: Any) -> Any:
            call, failure = begin(given)
            self._script.pass_time(worker, self.name)
            return end(call, failure)

        @functools.wraps(written.source)
        async def on_loop(**given: Any) -> Any:
            call, failure = begin(given)
            await asyncio.sleep(self._script.takes_s)
            return end(call, failure)

        return Action(
            written.name,
            on_loop if written.is_async else plain,
            written.parameters,
            context_parameter=context,
            accepts_any=written.accepts_any,
            returns=written.returns,
            source=written.source,
        )

    def _begin(
        self, context: str, worker: str, defaults: dict[str, Any], given: dict[str, Any]
    ) -> tuple[StubCall, Failure | None]:
        ctx: Context = given.pop(context)
        if len(self.calls) >= MOST_CALLS:
            raise RequestError(
                f"the stub of {self.name!r} has been called {MOST_CALLS:,} times, which is all it records"
            )
        failure = self._script.failure(len(self.calls))
        call = StubCall(
            inputs={**defaults, **given},
            run_id=ctx.run_id,
            node_id=ctx.node_id,
            invocation_key=ctx.invocation_key,
            attempt=ctx.attempt,
            worker=worker,
            began_s=self._world.mono_us / 1e6,
        )
        self.calls.append(call)
        return call, failure

    def _end(self, call: StubCall, failure: Failure | None) -> Any:
        return self._script.end(failure, call.inputs)


class Stubs:
    """The stubs of one simulation, one for an action."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_name: dict[str, Stub] = {}
        self._functions: list[Callable[..., Any]] = []

    def add(
        self,
        target: str | Callable[..., Any],
        *,
        returns: Any,
        takes_s: float,
        fails: Failures,
        times: int | None,
    ) -> Stub:
        """Make a stub; see ``Simulation.stub``. Workers that run have to be entered again."""
        name = _named(target)
        stub = Stub(self._world, name, returns=returns, takes_s=takes_s, fails=fails, times=times)
        self._by_name[name] = stub
        if not isinstance(target, str):
            self._functions.append(target)
        return stub

    def enter(self, worker: str, registry: ActionRegistry) -> None:
        """Let all of them stand in for the actions of a worker, those it has and those it will load."""

        def stand_in(action: Action) -> Action:
            stub = self._by_name.get(action.name)
            return action if stub is None else stub.stand_in(action, worker)

        for function in self._functions:
            registry.add(function)
        registry.let_stand_in(stand_in)

    def check(self) -> None:
        """Refuse to end with a stub that stood in for nothing.

        Raises:
            UnusedStub: There is one.
        """
        unused = [name for name, stub in self._by_name.items() if not stub.is_bound]
        if unused:
            raise UnusedStub(
                f"no worker has loaded an action named {' or '.join(map(repr, unused))}, so nothing was stubbed"
            )


def _named(target: str | Callable[..., Any]) -> str:
    if isinstance(target, str) and target:
        return target
    if inspect.isfunction(target):
        return marked_name(target) or target.__name__
    raise RequestError(f"a stub stands in for an action, given by its name or as the function, not for {target!r:.100}")
