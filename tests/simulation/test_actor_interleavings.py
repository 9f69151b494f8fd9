"""Another thread comes in between at every line of the runtime in turn: what it does there must break no law.

The threads of one play are two and take turns at known lines, so each play repeats exactly: the first plays a short piece,
and right before its n-th line in the runtime the second does what disturbs it most, and whatever is due besides.
Source of the idea: Musuvathi and Qadeer, "Iterative Context Bounding for Systematic Testing" (2007).
"""

from __future__ import annotations

import itertools
import random
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, Self

import pytest

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core.protocols import Runnable
from dagger_actors.errors import ActorStopped, MailboxFull
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.house import House
from dagger_actors.supervised.ref import Ref
from tests.simulation.actor_cast import ONCE, REPEATING, Blue, Green, Mail, Player, Red, Who, make, on_stage
from tests.simulation.thread_record import ThreadRecord
from tests.simulation.thread_runtime import PATIENCE_S, HandTimers

RUNTIME = ("cell", "lifecycle", "awaiter", "mailbox", "house", "timing", "watches", "names", "nursery", "ref")
WHERE = tuple(f"/supervised/{name}.py" for name in RUNTIME)
FORMS = {
    "plain": ("plain", "plain", "plain"),
    "in_context": ("in_context", "plain", "in_context"),
    "batch": ("plain", "in_context", "batch_within"),
}

HOWS = ("kill", "kill for good", "end", "end the other", "send")
STEP = 37
"""The slice comes in between at every so-manieth line."""


class Manual:
    """A dispatcher whose turns are taken by whoever drains it."""

    is_loop = False

    def __init__(self) -> None:
        self._queue: deque[Runnable] = deque()

    def schedule(self, runnable: Runnable, *, here: bool = False) -> None:
        del here
        self._queue.append(runnable)

    def drain(self) -> None:
        with suppress(IndexError):
            while True:
                runnable = self._queue.popleft()
                if runnable.run_turn():
                    self._queue.append(runnable)


class ManualRuntime:
    """What a house wants of one; nothing happens by itself."""

    def __init__(self, *, runs_here: bool) -> None:
        self.shared = self.waiting = self.io = self.control = Manual()
        self.hand = self.clock = self.timers = HandTimers()
        self.runs_here = runs_here

    def wait(self, future: ReplyFuture[Any], timeout_s: float | None) -> Any:
        del timeout_s
        self.shared.drain()
        if not future.is_done():
            raise TimeoutError
        return future.get(timeout=0)

    def is_idle(self) -> bool:
        return not self.shared._queue


class Piece(ThreadRecord):
    """A short piece with two actors, one of which is disturbed."""

    def __init__(self, overflow: Any) -> None:
        super().__init__(runtime=ManualRuntime(runs_here=True))
        self.house = House(self.runtime, listen=self.is_undelivered)  # type: ignore[arg-type]  # enough of one
        self.house.locks = [threading.Lock()] * len(self.house.locks)  # shared by all: who holds two would hang
        self.is_final = False  # whether the next end is the last
        self._ids = itertools.count(1)
        self._seq: Counter[tuple[int, int]] = Counter()
        self._overflow = overflow

    def set_up(self, forms: tuple[str, ...]) -> None:
        """Begin the actors."""
        self.other = self._keep(make(random.Random(1), ("plain",) * 3, "shared", {}), "other", "block")
        self.cell = self._keep(make(random.Random(1), forms, "shared", {}), "one", self._overflow)

    def _keep(self, cls: type[Player], name: str, overflow: Any) -> Cell:
        bound = MailboxSpec(capacity=3, overflow=overflow)
        cell = self.house.spawning.cell_of(cls, Who(0), name=name, mailbox=bound, parent=self)
        self.cells[cell.number] = cell
        cell.begin(1)
        self.runtime.shared.drain()
        return cell

    # --- as a parent

    def child_started(self, cell: Cell, incarnation: int) -> None:
        pass

    def child_failed_to_start(self, cell: Cell, incarnation: int, error: BaseException) -> None:
        self.complain(f"{cell.name} failed to start as {incarnation}: {error!r}")

    def child_exited(self, cell: Cell, incarnation: int, kind: str, error: BaseException | None) -> None:
        if cell.incarnation != incarnation:
            self.complain(f"the end of {incarnation} is told when {cell.incarnation} is there")
        if self.is_final:
            cell.close()
        else:
            cell.begin(incarnation + 1)

    # --- what players do

    def act(self, player: Player, ctx: ActorContext | None) -> int:
        if ctx is not None:
            with suppress(ActorStopped):
                ctx.timers.every("k", 0.1, self._mail(REPEATING, self.cell))
                ctx.timers.once("l", 0.1, self._mail(ONCE, self.cell))
                ctx.timers.once("l", 0.2, self._mail(ONCE, self.cell))
                ctx.watch(Ref(self.other))
                mail = self._mail(player.life, self.other)
                ctx.ask(Ref(self.other), mail).then(lambda _answer: None)
                child: Any = ctx.spawn(type(player), Who(0)).cell
                self.cells[child.number] = child
        elif player.index == self.cell.number:
            self.send(player.life, self.other)
        return player.index

    def _mail(self, sender: int, to: Cell, kind: type[Mail] = Red) -> Mail:
        number = next(self._ids)
        self._seq[sender, to.number] += 1
        if sender not in (ONCE, REPEATING):
            self.sent[number] = to.number
        return kind(number, sender, self._seq[sender, to.number])

    # --- what the threads do

    def send(self, sender: int, to: Cell, kind: type[Mail] = Red, *, is_ask: bool = False) -> None:
        mail = self._mail(sender, to, kind)
        try:
            if is_ask:
                self.asks.append((mail.id, Ref(to).ask(mail, block=False)))
            else:
                Ref(to).tell(mail)
        except MailboxFull:
            del self.sent[mail.id]

    def play(self) -> None:
        """The first thread's part."""
        for kind in (Red, Blue, Green):
            self.send(-1, self.cell, kind)
        self.send(-1, self.cell, Blue, is_ask=True)
        self.runtime.shared.drain()
        self._ask_here()
        self.runtime.hand.advance(0.3)
        self.send(-1, self.cell, Blue)
        self.stops.append(Ref(self.cell).stop(block=False))
        self.runtime.shared.drain()
        self.runtime.hand.advance(0.3)
        self.runtime.shared.drain()

    def _ask_here(self) -> None:
        mail = self._mail(-1, self.cell)
        try:
            Ref(self.cell).ask(mail)
        except MailboxFull:
            del self.sent[mail.id]
        except (ActorStopped, TimeoutError):
            pass

    def disturb(self, how: str) -> None:
        """The second thread's."""
        match how:
            case "kill":
                self.cell.kill(self.cell.incarnation)
            case "kill for good":
                self.is_final = True
                self.cell.kill(self.cell.incarnation)
            case "end":
                self.cell.end(self.cell.incarnation)
            case "end the other":
                self.other.kill(self.other.incarnation)
            case "send":
                for kind in (Red, Green, Blue, Red):
                    self.send(-2, self.cell, kind, is_ask=kind is Green)
        self.runtime.shared.drain()

    def finish(self) -> None:
        self.runtime.shared.drain()
        self.check_at_rest()
        self.is_final = True
        for cell in tuple(self.cells.values()):
            cell.kill(cell.incarnation)
        self.runtime.shared.drain()
        self.check_at_rest()
        self.check_at_end()


class Interruption:
    """Does something on another thread right before the n-th line that runs in the runtime without a lock in hand.

    Attributes:
        lines: How many there were.
        place: Where it was done.
    """

    def __init__(self, piece: Piece, at: int, action: Callable[[], None]) -> None:
        house = piece.house
        self._locks = (house.watches._lock, house.names._lock, house.parking, house.locks[0])
        self._at = at
        self._action = action
        self.lines = 0
        self.place = ""

    def __enter__(self) -> Self:
        self._before = sys.gettrace()
        sys.settrace(self._enter)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.settrace(self._before)

    def _enter(self, frame: FrameType, _event: str, _arg: object) -> Any:
        return self._line if frame.f_code.co_filename.endswith(WHERE) else None

    def _line(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event == "line" and self.lines <= self._at and not any(lock.locked() for lock in self._locks):
            if self.lines == self._at:
                self.place = f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"
                sys.settrace(self._before)
                self._do()
                return None
            self.lines += 1
        return self._line

    def _do(self) -> None:
        thread = threading.Thread(target=self._action)
        thread.start()
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), f"the other thread hangs at {self.place}"


def play(at: int, how: str, forms: tuple[str, ...], overflow: str) -> bool:
    """Play once; False when there is no such line any more."""
    piece = Piece(overflow)
    on_stage.append(piece)  # type: ignore[arg-type]  # it has what its players want
    piece.set_up(forms)
    try:
        with Interruption(piece, at, partial(piece.disturb, how)) as interruption:
            piece.play()
        piece.finish()
    except BaseException as error:
        error.add_note(f"line {at}, {interruption.place}: {how}")
        raise
    finally:
        on_stage.pop()
    return bool(interruption.place)


def play_all(form: str, how: str, step: int) -> int:
    """Play once for every so-manieth line; how many lines there are, about."""
    at = random.Random(f"{form} {how}").randrange(step)
    while play(at, how, FORMS[form], "drop_oldest" if form == "plain" else "block"):
        at += step
    return at


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("form", FORMS)
def test_whatever_comes_in_between_at_any_line_no_law_is_broken(
    form: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Law: those of ``test_actor_threads``, wherever one thread is when another one comes in between."""
    caplog.set_level("CRITICAL", logger="dagger_actors.actors")
    assert play_all(form, how, STEP) > 100


@pytest.mark.full
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("form", FORMS)
def test_at_every_line_that_may_come_in_between(form: str, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """The same, line by line."""
    caplog.set_level("CRITICAL", logger="dagger_actors.actors")
    assert play_all(form, how, 1) > 100
