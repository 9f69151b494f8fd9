"""``simulate(seed)``: real systems, real files, virtual everything else; several workers on one database.

It covers every interleaving of turns, commits, timers and deaths of whole processes. It does not cover preemption inside
a handler, real processes and signals, or users' own clocks and sockets: tests with real threads and processes do.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from dagger_actors.errors import SystemClosed
from dagger_actors.supervised.actor import Actor
from dagger_actors.system import ActorSystem
from dagger_actors.testing.blank import memory
from dagger_actors.testing.borders import guard, unguard
from dagger_actors.testing.deaths import Deaths
from dagger_actors.testing.errors import NeverSettles, WorkerKilled
from dagger_actors.testing.handler_stubs import HandlerStub, HandlerStubs
from dagger_actors.testing.replay import Kill
from dagger_actors.testing.script import Failures
from dagger_actors.testing.stubs import Stub, Stubs
from dagger_actors.testing.wire_check import WireCheck
from dagger_actors.testing.workers import Workers
from dagger_actors.testing.world import World

__all__ = ["Simulation", "open_simulation", "simulate"]

T = TypeVar("T")


class Simulation:
    """One seeded world with a database in a folder of its own.

    Start workers with ``system``: each is a whole ``ActorSystem``, and all of them share the one database. Whatever waits
    for a result (``run.result()``, ``system.flows.start(...)``) lets the world go on meanwhile; so do ``run``, ``settle``
    and ``advance``.

    Attributes:
        seed: Decides every choice.
        world: Its clock and its turns.
        path: The database.
        deaths: Workers that were killed, in order.
        fates: Counts the commits of all workers, and knows at which of them one dies.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.world = World(seed)
        self.path = folder / "sim.db"
        self.fates = Deaths(self.world)
        self._stubs = Stubs(self.world)
        self._handler_stubs = HandlerStubs(self.world)
        self._wire = WireCheck(lambda: self.world.is_stepping)
        self._workers = Workers(
            self.world,
            self.path,
            fates=self.fates,
            stubs=self._stubs,
            handler_stubs=self._handler_stubs,
            wire=self._wire,
        )
        self.deaths = self._workers.killed

    @property
    def check_wire(self) -> bool:
        """Whether what actors send, and answer, must come out of the wire as it went in; may be set.

        What does not, raises ``ChangedOnTheWire`` where it is sent, and at the end of the simulation.
        """
        return self._wire.is_on

    @check_wire.setter
    def check_wire(self, is_on: bool) -> None:
        self._wire.is_on = is_on

    @property
    def refuse_outside(self) -> bool:
        """Whether sockets, processes, executors and real sleeps of code in a turn raise ``CannotSimulate``; may be set.

        The event loop of coroutines refuses them in any case.
        """
        return self.world.refuses_outside

    @refuse_outside.setter
    def refuse_outside(self, is_on: bool) -> None:
        self.world.refuses_outside = is_on

    # --- workers

    def system(self, **options: Any) -> ActorSystem:
        """Start a worker: a whole ``ActorSystem`` on the simulation's database.

        Args:
            options: As ``ActorSystem`` takes them; ``recover`` is off unless it is given.
        """
        return self._workers.start(options)

    def restart(self, system: ActorSystem) -> ActorSystem:
        """Kill a worker, if it lives, and start another with its options; it recovers what the old one has left.

        An option ``recover=False`` that was given stays.
        """
        if self.is_alive(system):
            self.kill(system)
        return self.system(**{"recover": True, **self._workers.options_of(system)})

    def keep_going(self, body: Callable[[ActorSystem], T], *, most_deaths: int = 20, **options: Any) -> T:
        """Call a function with a worker, and again with the next one whenever that is killed, until it returns.

        So a test says once what is to be done, whoever dies meanwhile. The function must be fit to be repeated, as a
        program that is started again is: give runs an id of their own (``flows.start(..., run_id="order-1")``), then
        starting twice is starting once. When its worker is killed, whatever it waits for ends with ``WorkerKilled``.
        ``explore`` has an example.

        Args:
            body: Called with the worker.
            most_deaths: After so many deaths no other worker is started; 0 or more.
            options: Of the workers, as ``system`` takes them; the second one and the next recover unless told otherwise.

        Returns:
            What it returned.

        Raises:
            NeverSettles: Too many workers died.
        """
        system, died = self.system(**options), 0
        while True:
            with self._workers.keeping(system):
                try:
                    result = body(system)
                except (WorkerKilled, SystemClosed):
                    if self.is_alive(system):
                        raise
                else:
                    if self.is_alive(system):
                        return result
            died += 1
            if died > most_deaths:
                raise NeverSettles(f"{died:,} workers have died, and the work is not done; {self.world.waiting()}")
            system = self.restart(system)

    # --- killing

    def kill_at(self, system: ActorSystem, commit: int, moment: Literal["before", "after"] = "after") -> None:
        """Kill a worker at its ``commit``-th commit from now on (from 1): ``before`` it, or ``after`` it with nothing emitted.

        Raises:
            ValueError: There is no such commit or moment, so it would live.
        """
        if commit < 1 or moment not in ("before", "after"):
            raise ValueError(f"a worker dies before or after its first commit or a later one, not {moment!r} {commit}")
        self.fates.doom(self._workers.name_of(system), Kill(commit, moment))

    def kill(self, system: ActorSystem) -> None:
        """Kill a worker now, as ``kill -9`` would."""
        self._workers.kill(system)

    def freeze(self, system: ActorSystem) -> None:
        """Stop a worker, as SIGSTOP would: it keeps its locks, and nothing of it runs until ``thaw``."""
        self.world.frozen.add(self._workers.name_of(system))

    def thaw(self, system: ActorSystem) -> None:
        """Let a frozen worker go on."""
        self.world.frozen.discard(self._workers.name_of(system))

    def is_alive(self, system: ActorSystem) -> bool:
        """Tell whether a worker has neither been killed nor left."""
        return self._workers.is_alive(system)

    # --- stubs

    def stub(
        self,
        target: str | Callable[..., Any],
        *,
        returns: Any = None,
        takes_s: float = 0.0,
        fails: Failures = None,
        times: int | None = None,
    ) -> Stub:
        """Let a stub stand in for an action, in every worker there is and will be, from its next call on.

        It keeps the action's parameters and type hints: what flows are checked for, and what it may return, stays the
        same. A stub for the same action replaces it. ``Stub`` has an example.

        Args:
            target: The action's name, or the function, which then need not be given to ``system``.
            returns: The result; or a plain function of the inputs, given by name, that makes it (or raises).
            takes_s: Virtual seconds that each call takes, those that fail too; 0 or more.
            fails: An exception that every call raises, or the first ``times``; or a list of what each call raises in
                turn, None for one that succeeds: the calls behind it succeed. Counted over all workers.
            times: How many calls raise the one exception; 1 or more.

        Returns:
            The stub; ``calls`` tells how it was called.

        Raises:
            RequestError: One of these is none of what it can be.
        """
        stub = self._stubs.add(target, returns=returns, takes_s=takes_s, fails=fails, times=times)
        self._workers.hear_of_stubs()
        return stub

    def stub_handler(
        self,
        actor: type[Actor],
        message: type,
        *,
        returns: Any = None,
        takes_s: float = 0.0,
        fails: Failures = None,
        times: int | None = None,
    ) -> HandlerStub:
        """Let a stub stand in for a handler of an actor class, in every worker there is and will be, from its next call on.

        Classes that inherit the handler have the stub too; those that override it do not. A stub for the same handler
        replaces it. ``HandlerStub`` has an example.

        Args:
            actor: The actor class.
            message: The class of the messages that the handler takes.
            returns: The answer; or a plain function of the message, or of the message and the context, that makes it (or
                raises). ``Outcomes`` gives one after the other.
            takes_s: Virtual seconds that each call takes, those that fail too; 0 or more.
            fails: As for ``stub``; what is raised is the actor's failure, and its supervisor decides.
            times: As for ``stub``.

        Returns:
            The stub; ``calls`` tells how it was called.

        Raises:
            RequestError: One of these is none of what it can be, or the class has no such handler.
        """
        return self._handler_stubs.add(actor, message, returns=returns, takes_s=takes_s, fails=fails, times=times)

    # --- going on

    def run(self) -> None:
        """Go on until nothing is left to do but polling.

        Raises:
            NeverSettles: Thirty virtual days have passed; says what is still waiting.
        """
        self.world.run_to_rest()
        self._workers.refuse_death()

    def settle(self) -> None:
        """Go on without time passing."""
        self.world.settle()
        self._workers.refuse_death()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.world.advance(seconds)
        self._workers.refuse_death()

    @property
    def now_s(self) -> float:
        """Virtual seconds since the start."""
        return self.world.mono_us / 1e6

    def finish(self) -> None:
        """Check that all that was asked for has come to pass; ``simulate`` does, at the end of its block.

        Raises:
            NotRepeatable: The commit to kill at never came.
            UnusedStub: A stub stood in for nothing.
            ChangedOnTheWire: An actor has sent what did not come out as it went in.
        """
        self._wire.check()
        self.fates.check()
        self._stubs.check()
        self._handler_stubs.check()

    def close(self) -> None:
        """End all workers as if killed."""
        self._workers.kill_all()
        self.world.close()


@contextmanager
def simulate(
    seed: int, folder: Path | None = None, *, check_wire: bool = True, refuse_outside: bool = True
) -> Iterator[Simulation]:
    """Run a simulation.

    Args:
        seed: Decides every choice; printed with any failure, so that it can be repeated.
        folder: Where its database goes; a temporary folder by default, in memory where there is one (what dies here are
            processes, never the power).
        check_wire: As the attribute of the simulation.
        refuse_outside: As the attribute of the simulation.

    Yields:
        The simulation; its global randomness (``random``, which tenacity draws from) follows the seed.

    Raises:
        UnusedStub, NotRepeatable: At the end of the block, when a stub or a kill that was asked for never came to pass.
        ChangedOnTheWire: At the end of the block, when an actor sent what did not come out as it went in.
    """
    try:
        with open_simulation(seed, folder) as simulation:
            simulation.check_wire, simulation.refuse_outside = check_wire, refuse_outside
            yield simulation
            simulation.finish()
    except BaseException as error:
        error.add_note(f"simulation seed: {seed}")
        raise


@contextmanager
def open_simulation(seed: int, folder: Path | None = None) -> Iterator[Simulation]:
    """``simulate``, without a word about the seed and without a check at the end: for those who do both otherwise."""
    own = Path(tempfile.mkdtemp(prefix="dagger-sim-", dir=memory())) if folder is None else folder
    state = random.getstate()
    random.seed(seed)
    simulation = Simulation(seed, own)
    guard(simulation.world)
    try:
        yield simulation
    finally:
        simulation.close()
        unguard(simulation.world)
        random.setstate(state)
        if folder is None:
            shutil.rmtree(own, ignore_errors=True)
