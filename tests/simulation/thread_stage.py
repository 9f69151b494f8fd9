"""A stage on which random actors play on real threads; the seed decides who is there, the machine what happens when."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from dagger_actors.errors import (
    ActorError,
    ActorStopped,
    AskCircle,
    AskInsideHandler,
    ChildRefused,
    MailboxFull,
    SystemClosed,
    SystemFailed,
    UnknownActor,
)
from dagger_actors.supervised.actors import Actors
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.house import House
from dagger_actors.supervised.ref import Ref
from dagger_actors.supervised.spec import BackOff, ChildSpec, Supervisor
from tests.simulation.actor_cast import KINDS, ONCE, REPEATING, Mail, Player, Who, cast, on_stage
from tests.simulation.actor_stage import FAILURES, OVERFLOWS
from tests.simulation.thread_record import ThreadRecord
from tests.simulation.thread_runtime import PATIENCE_S

__all__ = ["ThreadStage"]

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
REFUSALS = (MailboxFull, SystemClosed, SystemFailed, ChildRefused, UnknownActor)


class Outsider:
    """A thread of the user's."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seq: Counter[int] = Counter()


class ThreadStage(ThreadRecord):
    """One play.

    Args:
        seed: Decides who is there and what they are inclined to.
        mails: How many messages are sent at most.
        defects: What the runtime complains of.
    """

    def __init__(self, seed: int, *, mails: int = 300, defects: Sequence[str] = ()) -> None:
        super().__init__(defects)
        self.chance = random.Random(seed)
        self.is_strict = self.chance.random() < 0.4
        self._mails = mails
        self._ids = itertools.count(1)
        self._is_over = threading.Event()
        self.house = House(self.runtime, listen=self.is_undelivered)
        self.house.runs_here = self.chance.random() < 0.5
        self._pools = self.chance.random() < 0.5
        root = Supervisor("root", self._children(), intensity=self.chance.choice((3, 1_000)), period_s=5.0)
        self.actors = Actors(self.house, root, failed=lambda _error: None)

    def play(self) -> None:
        """Play, check at every rest, end."""
        on_stage.append(self)
        try:
            self._together(self._begin)
            self._look_around()
            for number in range(1, 3):
                self._storm(number)
                self._rest()
                self.check_at_rest()
            self._storm(3, last=self._close)
            self._rest()
            self.check_at_rest()
            self.check_at_end()
        finally:
            on_stage.pop()
            self.runtime.close(PATIENCE_S)

    def _storm(self, number: int, last: Callable[[], None] | None = None) -> None:
        turns = [self.chance.randint(3, 25) for _ in range(self.chance.randint(1, 3))]
        outsiders = [Outsider(-10 * number - one) for one in range(len(turns))]
        acts: list[Callable[[], None]] = [
            partial(self._disturb_often, outsider, many) for outsider, many in zip(outsiders, turns, strict=True)
        ]
        self._together(*acts, self._pass_time, *(() if last is None else (last,)))

    def _together(self, *acts: Callable[[], None]) -> None:
        """Do all this at once, each on a thread of its own; time goes on until all have ended."""
        threads = [threading.Thread(target=self._guarded, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + PATIENCE_S
        for thread in threads:
            while thread.is_alive():
                thread.join(0.02)
                self.runtime.hand.advance(1.0)
                assert time.monotonic() < deadline, f"a thread hangs; {self.complaints}"

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException:
            self.complain(f"a thread of the user's got {traceback.format_exc()}")

    def _begin(self) -> None:
        with contextlib.suppress(ActorError):  # one of them may fail to start
            self.actors.begin()

    def _close(self) -> None:
        self.actors.close(PATIENCE_S)

    def _rest(self) -> None:
        """Wait until nobody does anything: go round the event loop until two looks find the same."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert not self.defects, self.defects
            before = self.activity()
            self.runtime.fence()
            if self.is_quiet() and self.activity()[1:] == before[1:] and self.is_quiet():
                self.runtime.fence()
                if self.is_quiet() and self.activity()[1:] == before[1:]:
                    return
        states = [(cell.name, cell.state, cell.turn) for cell in self.cells.copy().values()]
        raise AssertionError(f"no rest: {states} {self.complaints}")

    def _pass_time(self) -> None:
        for _ in range(self.chance.randint(1, 12)):
            self.runtime.hand.advance(self.chance.choice((0.001, 0.1, 1.0, 6.0)))

    # --- who is there

    def _spec(self, name: str, instances: int = 1) -> ChildSpec:
        restart = self.chance.choice(("permanent", "transient", "temporary"))
        return ChildSpec(
            self.chance.choice(cast()),
            name,
            Who(0),
            restart=restart,
            shutdown_s=None if self.is_strict else self.chance.choice((0.0, 0.05, 5.0)),
            backoff=None if restart == "temporary" else self.chance.choice((None, None, BackOff(min_s=0.05))),
            instances=instances,
            route="key" if instances > 1 else "round_robin",
            key="sender" if instances > 1 else "",
            mailbox=self._bound(),
        )

    def _children(self) -> tuple[ChildSpec | Supervisor, ...]:
        below = Supervisor(
            "below",
            tuple(self._spec(f"b{one}") for one in range(self.chance.randint(1, 3))),
            strategy=self.chance.choice(STRATEGIES),
            intensity=self.chance.choice((0, 1, 1_000)),
            period_s=1.0,
        )
        return (*(self._spec(f"s{one}") for one in range(self.chance.randint(1, 3))), below, self._spec("pool", 3))

    def _bound(self) -> MailboxSpec:
        return MailboxSpec(capacity=self.chance.choice((1, 2, 5, 100)), overflow=self.chance.choice(OVERFLOWS))

    def _look_around(self) -> None:
        for cell in tuple(self.house.names.actors.values()):
            self.cells[cell.number] = cell

    def _engage(self, ctx: ActorContext | None) -> None:
        cls, bound, name = self.chance.choice(cast()), self._bound(), self.chance.choice((None, f"t{next(self._ids)}"))
        spawn = self.actors.spawn if ctx is None else ctx.spawn
        cell: Any = spawn(cls, {"index": 0}, name=name, mailbox=bound).cell
        self.cells[cell.number] = cell

    def _any(self) -> Any:
        while True:
            cell = self.chance.choice(tuple(self.cells.copy().values()))
            if cell.state != "closed" or self.chance.random() < 0.2:
                return cell

    # --- what outsiders do

    def _disturb_often(self, outsider: Outsider, turns: int) -> None:
        for _ in range(turns):
            try:
                self._disturb(outsider)
            except REFUSALS:
                self._look_around()

    def _disturb(self, outsider: Outsider) -> None:
        match self.chance.randrange(16):
            case 0 | 1 | 2 | 3:
                for _ in range(self.chance.randint(1, 8)):
                    self._send(outsider, lambda ref, mail: ref.tell(mail))
            case 4 | 5:
                self._send(outsider, self._ask_and_wait)
            case 6 | 7:
                for _ in range(self.chance.randint(1, 8)):
                    self._send(outsider, self._ask)
            case 8 if not self.is_strict:
                cell = self._any()
                cell.kill(cell.incarnation)
            case 9:
                cell = self._any()
                cell.end(cell.incarnation)
            case 10:
                self.stops.append(Ref(self._any()).stop(block=False))
            case 11:
                self.actors.start(self._spec(f"n{next(self._ids)}"))
            case 12:
                self.actors.stop(self.chance.choice((*self.house.names.actors, "s0")).partition("/")[0])
            case 13:
                self.actors.tree()
                self.actors.is_at_rest()
            case _:
                self._engage(None)
        self._look_around()

    def _ask_and_wait(self, ref: Ref, mail: Mail) -> None:
        try:
            ref.ask(mail, timeout=0.02)
        except MailboxFull:
            raise
        except BaseException:
            pass

    def _ask(self, ref: Ref, mail: Mail) -> None:
        self.asks.append((mail.id, ref.ask(mail, block=False)))

    # --- what players do

    def act(self, player: Player, ctx: ActorContext | None) -> int:
        while self.chance.random() < 0.6:
            try:
                if ctx is None or self.chance.random() < 0.5:
                    self._act_plainly(player)
                else:
                    self._act_with(player, ctx)
            except REFUSALS:
                pass
        self._fail_sometimes(0.08)
        return player.index

    async def act_awaiting(self, player: Player, ctx: ActorContext) -> int:
        while self.chance.random() < 0.5:
            match self.chance.randrange(4):
                case 0 | 1:
                    await asyncio.sleep(0)
                case 2:
                    await self._tell_awaiting(player)
                case _:
                    await self._ask_awaiting(player)
        return self.act(player, ctx)

    async def pause(self, _seconds: float) -> None:
        await asyncio.sleep(0)

    def starts(self, player: Player, ctx: ActorContext) -> None:
        self.act(player, ctx)

    def is_hooked(self, player: Player, hook: str) -> None:
        while self.chance.random() < 0.3:
            self._act_plainly(player)
        self._fail_sometimes(0.1)

    def _fail_sometimes(self, how_often: float) -> None:
        if self.chance.random() < how_often:
            raise self.chance.choice(FAILURES)

    def _act_plainly(self, player: Any) -> None:
        match self.chance.randrange(8):
            case 0 | 1 | 2 | 3:
                self._send(player, lambda ref, mail: ref.tell(mail))
            case 4 | 5:
                self._send(player, self._ask)
            case 6:
                self.stops.append(Ref(self._any()).stop(block=False))
            case _:
                self._send(player, self._ask_inside)

    def _ask_inside(self, ref: Ref, mail: Mail) -> None:
        """A blocking ask in a plain handler is refused, and nothing is sent; in a coroutine it would be awaited."""
        if _is_on_the_loop():
            ref.tell(mail)
            return
        try:
            ref.ask(mail)
        except AskInsideHandler:
            raise MailboxFull(str(ref), 0) from None  # not sent either
        self.complain(f"{mail.id}: a waiting ask inside a plain handler was not refused")

    def _act_with(self, player: Any, ctx: ActorContext) -> None:
        try:
            self._act_in_context(player, ctx)
        except ActorStopped:
            if player.actor_inbox.is_on(ctx.incarnation):
                self.complain(f"{player.index} is refused what it may do")

    def _act_in_context(self, player: Any, ctx: ActorContext) -> None:
        key, other = self.chance.choice("kl"), self._any()
        match self.chance.randrange(9):
            case 0 | 1:
                self._send(player, partial(self._ask_then, player, ctx))
            case 2 if next(self._ids) < self._mails:
                self._engage(ctx)
            case 3:
                player.watches.add(other.number)
                ctx.watch(Ref(other))
            case 4:
                ctx.unwatch(Ref(other))
                player.watches.discard(other.number)
            case 5:
                ctx.timers.once(key, self.chance.choice((0.0, 0.05, 1.5)), self._ring(ONCE))
            case 6:
                ctx.timers.every(key, self.chance.choice((0.2, 1.0)), self._ring(REPEATING))
            case 7:
                ctx.timers.cancel(key)
            case _:
                ctx.stop()

    def _ring(self, sender: int) -> Mail:
        number = next(self._ids)
        return self.chance.choice(KINDS)(number, sender, number)

    def _ask_then(self, player: Any, ctx: ActorContext, ref: Ref, mail: Mail) -> None:
        asked = ctx.ask(ref, mail, timeout=self.chance.choice((0.1, 5.0, None)))
        self.asks.append((mail.id, asked._reply))
        player.waits_for[mail.id] = asked._reply

        def answered(answer: Any) -> None:
            self.is_answered(player, mail, answer)
            self.act(player, ctx)

        def failed(error: BaseException) -> None:
            self.is_answered(player, mail, error)
            if self.chance.random() < 0.1:
                raise error

        asked.then(answered, failed if self.chance.random() < 0.9 else None)

    # --- sending

    def _mail(self, sender: Any) -> tuple[Ref, Mail] | None:
        """Address the next message; None = all have been sent."""
        number = next(self._ids)
        if number > self._mails:
            return None
        cell, who = self._any(), sender.number if isinstance(sender, Outsider) else sender.life
        if self._pools and self.chance.random() < 0.2:
            pool: Any = self.actors["pool"]
            cell = pool.ref_for(Mail(0, who, 0)).cell
            self.cells[cell.number] = cell
        sender.seq[cell.number] += 1
        self.sent[number] = cell.number
        return Ref(cell), self.chance.choice(KINDS)(number, who, sender.seq[cell.number])

    def _send(self, sender: Any, how: Callable[[Ref, Mail], None]) -> None:
        made = self._mail(sender)
        if made is None:
            return
        try:
            how(*made)
        except MailboxFull:
            del self.sent[made[1].id]

    async def _tell_awaiting(self, player: Player) -> None:
        made = self._mail(player)
        if made is None:
            return
        try:
            await made[0].atell(made[1])
        except MailboxFull:
            del self.sent[made[1].id]
        except asyncio.CancelledError:
            self.perhaps.add(made[1].id)
            raise

    async def _ask_awaiting(self, player: Player) -> None:
        made = self._mail(player)
        if made is None:
            return
        try:
            answer = made[0].ask(made[1], timeout=self.chance.choice((0.001, 0.02)))
        except (MailboxFull, AskCircle):
            del self.sent[made[1].id]
            return
        try:
            await answer
        except asyncio.CancelledError:
            raise
        except BaseException:
            pass


def _is_on_the_loop() -> bool:
    return asyncio._get_running_loop() is not None
