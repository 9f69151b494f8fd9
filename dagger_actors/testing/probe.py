"""``Probe``: an actor of the test, in the place of one that others talk to; it waits for what they send it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from dagger_actors.errors import ActorStopped, RequestError
from dagger_actors.supervised.context import ActorContext, Terminated
from dagger_actors.supervised.ref import ASK_S, Ref
from dagger_actors.supervised.wire import Answer, copied, fail, resolve
from dagger_actors.testing.errors import NotAsExpected
from dagger_actors.testing.inbox import Inbox
from dagger_actors.testing.probe_actor import ProbeActor
from dagger_actors.testing.received import Received, Wanted, listed, wanted, wanted_end

if TYPE_CHECKING:
    from dagger_actors.supervised.pool import Pool
    from dagger_actors.system import ActorSystem

__all__ = ["Probe"]

WITHIN_S = 3.0
"""How long is waited unless a test says otherwise."""

M = TypeVar("M")


class Probe:
    """An actor of the test, for others to talk to; what they send is expected, one message after the other.

    In a simulation waiting lets virtual time pass, with a real ``ActorSystem`` it blocks until the message comes, or the
    time is over (in a coroutine: ``await asyncio.to_thread(probe.expect, Priced)``). Messages are expected in the order
    they came: the next one must be it, unless ``skip_others`` leaves those in front where they are.

    >>> import msgspec
    >>> from dagger_actors import Actor, ActorContext, handler
    >>> from dagger_actors.testing import Probe, simulate
    >>> class Bill(msgspec.Struct, frozen=True):
    ...     cents: int
    >>> class Waiter(Actor):
    ...     @handler
    ...     def order(self, dishes: list, ctx: ActorContext) -> None:
    ...         ctx.timers.once("bill", 600, Bill(250 * len(dishes)))
    ...     @handler
    ...     def bring(self, bill: Bill, ctx: ActorContext) -> None:
    ...         ctx.find("guest").tell(bill)
    >>> with simulate(1) as sim:
    ...     system = sim.system()
    ...     guest, waiter = Probe(system, "guest"), system.actors.spawn(Waiter)
    ...     guest.tell(waiter, ["soup", "bread"])
    ...     guest.expect_silence(599)
    ...     print(guest.expect(Bill, lambda bill: bill.cents > 0), sim.now_s)
    Bill(cents=500) 600.0

    Args:
        system: Where it lives, as a temporary actor, until the system is left.
        name: By which others find it; ``system.actors.stop(name)`` first, where the system has an actor of that name.
        within_s: Seconds that an expectation waits, unless it says otherwise; more than 0.

    Attributes:
        ref: Itself, for others.

    Raises:
        NameTaken: There is an actor of that name.
    """

    def __init__(self, system: ActorSystem, name: str | None = None, *, within_s: float = WITHIN_S) -> None:
        self._within_s = _seconds(within_s, "within_s")
        self._canned: dict[type, Callable[[Any], Any]] = {}
        self._inbox = Inbox()
        self.ref: Ref = system.actors.spawn(ProbeActor, self, name=name)
        self._inbox.open(self.ref.name, self.ref.cell.post)

    @property
    def name(self) -> str:
        """Its name in the system."""
        return self.ref.name

    @property
    def received(self) -> tuple[object, ...]:
        """What has come and was not expected yet, oldest first."""
        return tuple(one.message for one in self._inbox.content())

    def __repr__(self) -> str:
        return f"<Probe {self.name}, {len(self.received):,} messages not expected yet>"

    # --- sending

    def tell(self, to: Ref | Pool, message: object) -> None:
        """Send a message, behind all that this probe has sent there; as ``Ref.tell``."""
        to.tell(message)

    def ask(self, to: Ref | Pool, message: object, *, timeout: float | None = ASK_S) -> None:
        """Ask without waiting: the answer comes as a message, to be expected by its type.

        So does an error: ``probe.expect(ValueError)``. After ``timeout`` seconds a ``TimeoutError`` comes, None = never.
        """
        ref = to if isinstance(to, Ref) else to.ref_for(message)
        self._context().ask(ref, message, timeout=timeout).then(self.take, self.take)

    # --- expecting

    @overload
    def expect(
        self,
        expected: type[M],
        where: Callable[[M], bool] | None = ...,
        *,
        within_s: float | None = ...,
        skip_others: bool = ...,
    ) -> M: ...
    @overload
    def expect(self, expected: M, *, within_s: float | None = ..., skip_others: bool = ...) -> M: ...
    def expect(
        self,
        expected: Any,
        where: Callable[[Any], bool] | None = None,
        *,
        within_s: float | None = None,
        skip_others: bool = False,
    ) -> Any:
        """Wait for the next message, which must be this.

        Args:
            expected: Its class (or a base), or a message that it must equal.
            where: What must hold for it besides.
            within_s: Seconds to wait at most, virtual ones in a simulation; 0 = it must be on its way already.
            skip_others: Leave other messages where they are, to be expected later, and wait for one that fits.

        Returns:
            The message.

        Raises:
            NotAsExpected: Another one came, or none; says what was received instead.
        """
        return self._next(wanted(expected, where), within_s, skip_others=skip_others)

    def expect_in_order(self, *expected: Any, within_s: float | None = None) -> tuple[Any, ...]:
        """Wait for several messages, which must be the next ones, in this order.

        Args:
            expected: For each its class, or a message that it must equal.
            within_s: Seconds to wait at most, for all of them together.

        Returns:
            The messages.

        Raises:
            NotAsExpected: Another one came, or none; says what was received instead.
        """
        deadline_us = self._deadline_us(within_s)
        return tuple(self._inbox.next(wanted(one), deadline_us, skip_others=False) for one in expected)

    def expect_silence(self, for_s: float) -> None:
        """Wait, and let no message come.

        Args:
            for_s: Seconds, virtual ones in a simulation; 0 = what is on its way already counts.

        Raises:
            NotAsExpected: One came, or waits already; says which.
        """
        inbox = self._inbox.silence(self._deadline_us(for_s))
        if inbox:
            raise NotAsExpected(self.name, f"nothing for {for_s:g} s", listed("got instead", inbox))

    # --- watching

    def watch(self, ref: Ref) -> None:
        """Be told when an actor has stopped for good, at once if it has; see ``expect_terminated``."""
        self._context().watch(ref)

    def expect_terminated(
        self,
        actor: Ref | str,
        error: str | type[BaseException] | None = None,
        *,
        within_s: float | None = None,
        skip_others: bool = False,
    ) -> Terminated:
        """Wait for the end of a watched actor, which must be the next message.

        Args:
            actor: Which, or its name.
            error: What its last incarnation must have failed with: an exception class, or a part of the error's text;
                "" = it must have ended well, None = however it ended.
            within_s: As for ``expect``.
            skip_others: As for ``expect``.

        Returns:
            The message; its ``error`` is the reason.

        Raises:
            NotAsExpected: Another message came, or another reason, or none.
        """
        found = wanted_end(actor if isinstance(actor, str) else actor.name, error)
        terminated: Terminated = self._next(found, within_s, skip_others=skip_others)
        return terminated

    # --- answering

    def answer(self, result: object) -> None:
        """Answer the ask that was expected last.

        Raises:
            RequestError: That message was no ask, or has been answered.
            MessageRefused: The result cannot be encoded.
        """
        resolve(self._inbox.last_ask("answer"), copied(result))

    def fail(self, error: BaseException) -> None:
        """Answer the ask that was expected last with an error, as a handler does that raises it; the probe lives on.

        Raises:
            RequestError: That message was no ask, or has been answered.
        """
        fail(self._inbox.last_ask("fail"), error)

    def answers(self, kind: type[M], result: Any) -> None:
        """Answer every ask of a class from now on by itself; its messages are there to be expected all the same.

        Args:
            kind: The messages' class.
            result: The answer; or a plain function of the message that makes it, or raises what the asker gets.
        """
        self._canned[kind] = result if callable(result) else lambda _message: result

    # --- what its actor does with it

    def take(self, message: object, reply: Answer | None = None) -> None:
        """Take what has come; called in the probe's turn."""
        canned = self._canned.get(type(message)) if reply is not None else None
        self._inbox.take(Received(message, None if canned else reply))
        if canned is not None and reply is not None:
            _answer_by(canned, message, reply)

    def end(self) -> None:
        """It is stopped: whoever waits for an answer gets none."""
        for reply in self._inbox.end():
            fail(reply, ActorStopped(self.name))

    # --- waiting

    def _next(self, found: Wanted, within_s: float | None, *, skip_others: bool) -> Any:
        return self._inbox.next(found, self._deadline_us(within_s), skip_others=skip_others)

    def _deadline_us(self, within_s: float | None) -> int:
        seconds = self._within_s if within_s is None else _seconds(within_s, "within_s", least=0.0)
        return self._inbox.deadline_us(seconds)

    def _context(self) -> ActorContext:
        return ActorContext(self.ref.cell)


def _answer_by(canned: Callable[[Any], Any], message: object, reply: Answer) -> None:
    try:
        resolve(reply, copied(canned(message)))
    except BaseException as error:  # it is the asker's answer
        if getattr(error, "is_death", False):
            raise
        fail(reply, error)


def _seconds(seconds: float, name: str, *, least: float = 1e-6) -> float:
    if not isinstance(seconds, int | float) or not least <= seconds <= 1e9:
        raise RequestError(f"`{name}` of a probe is a number of seconds, not {seconds!r:.100}")
    return seconds
