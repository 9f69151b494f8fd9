"""A stage on which random actors play in virtual time: everything they do is drawn from the seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from dagger_actors.errors import ActorStopped, AskCircle, AskInsideHandler, MailboxFull, SystemClosed
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.ref import Ref
from tests.simulation.actor_cast import KINDS, ONCE, REPEATING, Mail, Player, Who, cast, on_stage
from tests.simulation.actor_parents import Keeper, Once, Outsider, WatchedNursery
from tests.simulation.actor_record import Record, said

__all__ = ["Stage"]

STEPS = 20_000
"""More turns than any play has; beyond it something runs in circles."""

OVERFLOWS = ("block", "reject", "drop_oldest")


class Hostile(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


FAILURES = (ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, Hostile)


class Stage(Record):
    """One play.

    Args:
        seed: Decides everything.
        mails: How many messages are sent at most.
    """

    def __init__(self, seed: int, *, mails: int = 150) -> None:
        super().__init__(seed)
        self.chance = random.Random(seed)
        self.house.runs_here = self.chance.random() < 0.5
        self.house.nursery = WatchedNursery(self)
        self.is_ending = False
        self._keeper = Keeper(self)
        self._budget = mails
        self._ids = 0
        self._seq: Counter[tuple[int, int]] = Counter()

    def play(self) -> list[str]:
        """Play, check at every rest, end.

        Returns:
            The trace of the world, and the journal.
        """
        on_stage.append(self)
        try:
            for _ in range(self.chance.randint(2, 7)):
                self._engage(None)
            for number in range(self.chance.randint(1, 4)):
                self.world.offer("out", Outsider(self, -1 - number, self.chance.randint(3, 30)))
            for _ in range(self.chance.randint(0, 5)):
                self._settle()
                self.check_at_rest()
                self.world.advance(self.chance.choice((0.001, 0.1, 1.0, 6.0)))
                self.check_at_rest()
            for _ in range(self.chance.randint(0, 30)):
                self.world.step()
            self._end()
        finally:
            on_stage.pop()
            self.world.close()
        return [*self.world.trace, *self.journal]

    def _settle(self) -> None:
        limit = self.world.steps + STEPS
        while self.world.step():
            assert self.world.steps < limit, "it runs in circles"

    def _end(self) -> None:
        self.is_ending = True
        for cell in reversed(self.cells):
            if cell.parent is self._keeper:
                cell.end(cell.incarnation)
        self.house.close(self.chance.choice((0.0, 0.5, 10.0)))
        self.world.advance(20.0)
        self._settle()
        for cell in self.cells:
            if cell.is_alive:
                self.note(f"kill {cell.name}")
                cell.kill(cell.incarnation)
        self._settle()
        self.world.advance(20.0)
        self.check_at_rest()
        self.check_at_end()

    def _engage(self, ctx: ActorContext | None, owner: Player | None = None) -> None:
        """Start an actor: an owner's, the system's, or one that is kept."""
        index = len(self.cells)
        cls, name = self.chance.choice(cast()), f"a{index}"
        bound = MailboxSpec(capacity=self.chance.choice((1, 2, 5, 100)), overflow=self.chance.choice(OVERFLOWS))
        try:
            if ctx is not None:
                cell = ctx.spawn(cls, Who(index), name=name, mailbox=bound).cell
            elif self.chance.random() < 0.5:
                cell = self.house.spawning.spawn(cls, {"index": index}, name=name, mailbox=bound).cell
            else:
                cell = self.house.spawning.cell_of(cls, Who(index), name=name, mailbox=bound, parent=self._keeper)
                cell.begin(1)
        except SystemClosed:
            assert self.is_ending
            return
        self.cells.append(cell)
        if owner is not None:
            self.owners[index] = owner.life
        self.note(f"engaged {name} {bound.capacity} {bound.overflow} {type(cell.parent).__name__}")

    def offer(self, call: Callable[[], object]) -> None:
        """Have something done in a turn of its own."""
        self.world.offer("out", Once(call))

    def later(self, delay_s: float, call: Callable[[], object]) -> None:
        self._ids += 1
        due_us = self.world.mono_us + round(delay_s * 1e6)
        self.world.timers["out", self._ids] = (due_us, next(self.world.count), call)

    # --- what outsiders do

    def disturb(self, sender: int) -> None:
        match self.chance.randrange(12):
            case 0 | 1 | 2 | 3:
                self._send(sender, lambda ref, mail: ref.tell(mail))
            case 4 | 5:
                self._send(sender, self._ask_and_wait)
            case 6 | 7:
                self._send(sender, self._ask)
            case 8:
                cell = self._any()
                self.note(f"kill {cell.name}")
                cell.kill(cell.incarnation)
            case 9:
                cell = self._any()
                self.note(f"end {cell.name}")
                cell.end(cell.incarnation)
            case 10:
                self._stop(self._any())
            case _:
                self._engage(None)

    def _ask_and_wait(self, ref: Ref, mail: Mail) -> None:
        try:
            answer = ref.ask(mail, timeout=self.chance.choice((0.1, 20.0)))
        except MailboxFull:
            raise
        except BaseException as error:
            answer = error
        self.note(f"{mail.id} answered {said(answer)}")

    def _ask(self, ref: Ref, mail: Mail) -> None:
        self.asks[mail.id] = ref.ask(mail, block=False)

    def _stop(self, cell: Cell) -> None:
        self.note(f"stop {cell.name}")
        self.stops.append(Ref(cell).stop(block=False))

    # --- what players do

    def act(self, player: Player, ctx: ActorContext | None) -> int:
        """Do something; the answer."""
        while self.chance.random() < 0.7:
            if ctx is None or self.chance.random() < 0.5:
                self._act_plainly(player)
            else:
                self._act_with(player, ctx)
        self._fail_sometimes(player, 0.08)
        return player.index

    async def act_awaiting(self, player: Player, ctx: ActorContext) -> int:
        """The same, with waits."""
        while self.chance.random() < 0.5:
            match self.chance.randrange(4):
                case 0 | 1:
                    await asyncio.sleep(self.chance.choice((0, 0.001, 0.3, 2.0)))
                case 2:
                    await self._tell_awaiting(player)
                case _:
                    await self._ask_awaiting(player)
            self.goes_on(player)
        return self.act(player, ctx)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def starts(self, player: Player, ctx: ActorContext) -> None:
        self.note(f"a{player.index} starts as {ctx.incarnation}")
        self.act(player, ctx)

    def is_hooked(self, player: Player, hook: str) -> None:
        self.note(f"a{player.index} {hook}")
        while self.chance.random() < 0.3:
            self._act_plainly(player)
        self._fail_sometimes(player, 0.1)

    def _fail_sometimes(self, player: Player, how_often: float) -> None:
        if self.chance.random() < how_often:
            error = self.chance.choice(FAILURES)
            self.note(f"a{player.index} raises {error.__name__}")
            raise error

    def _act_plainly(self, player: Player) -> None:
        match self.chance.randrange(8):
            case 0 | 1 | 2 | 3:
                self._send(player.index, lambda ref, mail: ref.tell(mail))
            case 4 | 5:
                self._send(player.index, self._ask)
            case 6:
                self._stop(self._any())
            case _:
                self._send(player.index, self._ask_inside)

    def _ask_inside(self, ref: Ref, mail: Mail) -> None:
        """A blocking ask in a plain handler is refused, and nothing is sent; in a coroutine it would be awaited."""
        if _is_in_a_task():
            ref.tell(mail)
            return
        try:
            ref.ask(mail)
        except AskInsideHandler:
            raise MailboxFull(str(ref), 0) from None  # not sent either
        self.complain(f"{mail.id}: a waiting ask inside a plain handler was not refused")

    def _act_with(self, player: Player, ctx: ActorContext) -> None:
        try:
            self._act_in_context(player, ctx)
        except ActorStopped:
            if self.is_living(player):
                self.complain(f"a{player.index} is refused what it may do")

    def _act_in_context(self, player: Player, ctx: ActorContext) -> None:
        key, other = self.chance.choice("kl"), self._any()
        match self.chance.randrange(9):
            case 0 | 1:
                self._send(player.index, partial(self._ask_then, player, ctx))
            case 2 if self._budget > 0:
                self._budget -= 5
                self._engage(ctx, player)
            case 3:
                ctx.watch(Ref(other))
                self.note(f"a{player.index} watches {other.name}")
                self.watches.add((player.life, self.cells.index(other)))
            case 4:
                ctx.unwatch(Ref(other))
                self.note(f"a{player.index} unwatches {other.name}")
                self.watches.discard((player.life, self.cells.index(other)))
            case 5:
                ctx.timers.once(key, self.chance.choice((0.0, 0.05, 1.5)), self._ring(player, key, ONCE))
            case 6:
                ctx.timers.every(key, self.chance.choice((0.2, 1.0)), self._ring(player, key, REPEATING))
            case 7:
                was_set = self.replaces_timer(player, key)
                if ctx.timers.cancel(key) is not was_set:
                    self.complain(f"a{player.index} cancels {key}, which was set: {was_set}")
            case _:
                self.note(f"a{player.index} stops itself")
                ctx.stop()

    def _ring(self, player: Player, key: str, sender: int) -> Mail:
        self._ids += 1
        if self.is_living(player):
            self.replaces_timer(player, key)
            self.timers[player.life, key] = self._ids
        return self.chance.choice(KINDS)(self._ids, sender, self._ids)

    def _ask_then(self, player: Player, ctx: ActorContext, ref: Ref, mail: Mail) -> None:
        asked = ctx.ask(ref, mail, timeout=self.chance.choice((0.1, 5.0, None)))
        self.asks[mail.id] = asked._reply
        if self.is_living(player):
            self.waits_for[mail.id] = (player, asked._reply)

        def answered(answer: Any) -> None:
            self.is_answered(player, mail, answer)
            self.act(player, ctx)

        def failed(error: BaseException) -> None:
            self.is_answered(player, mail, error)
            if self.chance.random() < 0.1:
                raise error

        asked.then(answered, failed if self.chance.random() < 0.9 else None)

    # --- sending

    def _any(self) -> Cell:
        return self.chance.choice(self.cells)

    def _mail(self, sender: int, how: str) -> tuple[Ref, Mail] | None:
        """Address the next message; None = all have been sent."""
        if self._budget <= 0:
            return None
        self._budget -= 1
        self._ids += 1
        cell = self._any()
        index = self.cells.index(cell)
        self._seq[sender, index] += 1
        self.sent[self._ids] = index  # before it is: an ask that runs here is handled inside the call
        mail = self.chance.choice(KINDS)(self._ids, sender, self._seq[sender, index])
        self.note(f"{sender} {how} {cell.name} {type(mail).__name__} {mail.id}")
        return Ref(cell), mail

    def _is_not_sent(self, mail: Mail) -> None:
        self.note(f"{mail.id} is not sent")
        del self.sent[mail.id]

    def _send(self, sender: int, how: Callable[[Ref, Mail], None]) -> None:
        made = self._mail(sender, "sends")
        if made is None:
            return
        try:
            how(*made)
        except MailboxFull:
            self._is_not_sent(made[1])

    async def _tell_awaiting(self, player: Player) -> None:
        made = self._mail(player.index, "tells, awaiting,")
        if made is None:
            return
        try:
            await made[0].atell(made[1])
        except MailboxFull:
            self._is_not_sent(made[1])
        except asyncio.CancelledError:
            if not self.is_somewhere(made[1].id):
                self._is_not_sent(made[1])
            raise

    async def _ask_awaiting(self, player: Player) -> None:
        made = self._mail(player.index, "asks, awaiting,")
        if made is None:
            return
        try:
            answer = made[0].ask(made[1], timeout=self.chance.choice((0.1, 5.0)))
        except (MailboxFull, AskCircle):
            self._is_not_sent(made[1])
            return
        try:
            answer = await answer
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            answer = error
        self.note(f"{made[1].id} answered {said(answer)}")


def _is_in_a_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False
