"""A record of what random actors do on real threads, and the laws it must keep at every rest.

Many threads write it: what they write goes into lists and dicts one item at a time, and is counted up at rest.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.context import Terminated
from dagger_actors.supervised.mailbox import AWAITING, CLOSED, IDLE, SCHEDULED, SUSPENDED, Mailbox
from dagger_actors.supervised.tick import Tick
from dagger_actors.supervised.undelivered import Undelivered
from tests.simulation.actor_cast import KINDS, ONCE, REPEATING, Mail, Player
from tests.simulation.thread_runtime import HandRuntime

__all__ = ["ThreadRecord"]

NAMES = frozenset(kind.__name__ for kind in KINDS)


class Taken(NamedTuple):
    """One message in a handler's hand.

    Attributes:
        mail: The message.
        stamp: Counts all that are taken.
        life: Whose handler it is.
        is_late: Whether the incarnation was killed when its handler had been called, or was about to be.
    """

    mail: Mail
    stamp: int
    life: int
    is_late: bool


class ThreadRecord:
    """What happened.

    Attributes:
        runtime: Its threads.
        complaints: Laws that were broken.
        cells: The actors, by number.
        is_strict: Whether nobody is killed: then no two lives of an actor are ever in their handlers at once.
    """

    def __init__(self, defects: Sequence[str] = (), runtime: Any = None) -> None:
        self.defects = defects
        self.runtime = runtime or HandRuntime()
        self.complaints: list[str] = []
        self.cells: dict[int, Cell] = {}
        self.is_strict = False
        self.sent: dict[int, int] = {}  # by message, whom to
        self.perhaps: set[int] = set()  # sends that were broken off
        self.asks: list[tuple[int, ReplyFuture[Any]]] = []
        self.stops: list[ReplyFuture[Any]] = []
        self.journal: list[str] = []
        self._taken: dict[int, list[Taken]] = defaultdict(list)  # by actor
        self._lost: list[int] = []
        self._lost_ends: set[tuple[str, str]] = set()
        self._busy: dict[int, set[Player]] = defaultdict(set)
        self._lives = itertools.count(1)
        self._stamps = itertools.count(1)

    def complain(self, line: str) -> None:
        self.complaints.append(line)

    # --- what players tell

    def is_born(self, player: Any) -> int:
        cell = player.actor_inbox
        player.index = cell.number
        player.watches, player.waits_for, player.seq = set(), {}, Counter()
        self.cells[cell.number] = cell
        return next(self._lives)

    @contextmanager
    def handling(self, player: Player, mails: Sequence[Mail]) -> Iterator[None]:
        busy = self._busy[player.index]
        if player in busy:
            self.complain(f"life {player.life} of {player.index} takes {mails} amidst another message")
        elif self.is_strict and busy:
            self.complain(f"two lives of {player.index} are in their handlers")
        busy.add(player)
        stamp = next(self._stamps)
        is_late = player.actor_inbox.actor is not player  # after the stamp: who comes after it has a later one
        if is_late and self.is_strict:
            self.complain(f"life {player.life} of {player.index} is over and takes {mails}")
        for mail in mails:
            self._taken[player.index].append(Taken(mail, stamp, player.life, is_late))
        try:
            yield
        finally:
            busy.discard(player)

    def hears(self, player: Any, end: Terminated) -> None:
        # Those that are started anew bear the names of those that are gone.
        watched = [
            one for one in player.watches if self.cells[one].name == end.name and self.cells[one].state is CLOSED
        ]
        if not watched:
            self.complain(f"{player.index} hears of {end.name}, which it does not watch, or which goes on")
        player.watches.difference_update(watched[:1])

    def is_unhandled(self, player: Player) -> None:
        if self.is_strict and player.actor_inbox.actor is not player:
            self.complain(f"{player.index} is over and is told of what it has no handler for")

    def is_answered(self, player: Any, mail: Mail, answer: Any) -> None:
        if player.waits_for.pop(mail.id, None) is None:
            self.complain(f"{mail.id} was answered twice")
        if isinstance(answer, int) and answer != self.sent[mail.id]:
            self.complain(f"{mail.id} was answered by {answer}")
        if player in self._busy[player.index]:
            self.complain(f"{player.index} gets an answer amidst a message")

    def is_undelivered(self, event: Undelivered) -> None:
        if event.message == "Terminated":
            self._lost_ends.add((event.to, msgspec.msgpack.decode(event.content)["name"]))
        elif event.message in NAMES:
            mail = msgspec.msgpack.decode(event.content, type=Mail)
            if mail.sender not in (ONCE, REPEATING):
                self._lost.append(mail.id)

    # --- the laws

    def activity(self) -> tuple[int, ...]:
        """Whatever anybody does changes it."""
        return (next(self._stamps), len(self._lost), sum(cell.handled for cell in tuple(self.cells.copy().values())))

    def is_quiet(self) -> bool:
        """Tell whether nobody does anything; to be sure, ask twice."""
        cells = tuple(self.cells.copy().values())
        return self.runtime.is_idle() and all(
            cell.turn is None and cell.state in (IDLE, SUSPENDED, CLOSED) for cell in cells
        )

    def _queued(self) -> Counter[int]:
        queued: Counter[int] = Counter()
        for cell in self.cells.values():
            letters = list(cell.lane or ())
            if cell.extra is not None and cell.extra.batch is not None:
                letters += cell.extra.batch[1]
            queued.update(msgspec.msgpack.decode(one[1])["id"] for one in letters if one[0] in KINDS)
        return queued

    def check_at_rest(self) -> None:
        queued, lost = self._queued(), Counter(self._lost)
        taken = Counter(one.mail.id for many in self._taken.values() for one in many)
        for mail, receiver in self.sent.items():
            places = taken[mail], lost[mail], queued[mail]
            if sum(places) != 1 and not (mail in self.perhaps and not sum(places)):
                self.complain(f"{mail} to {receiver} is taken, undelivered, queued {places} times")
        for mail, reply in self.asks:
            if (taken[mail] or lost[mail]) and not reply.is_done():
                self.complain(f"{mail} is not answered, and it is in nobody's hand")
        for number, many in self._taken.items():
            self._check_order(number, many)
        for cell in self.cells.values():
            self._check_state(cell)
            self._check_timers(cell)
            self._check_life(cell)
        if any(self._busy.values()):
            self.complain(f"handlers run at rest: {self._busy}")
        assert not self.complaints, self.complaints
        assert not self.defects, self.defects

    def _check_order(self, number: int, many: list[Taken]) -> None:
        last: Counter[int] = Counter()
        for one in sorted((one for one in many if not one.is_late), key=lambda one: (one.stamp, one.mail.seq)):
            if one.mail.sender in (ONCE, REPEATING):
                continue
            if one.mail.seq <= last[one.mail.sender]:
                self.complain(f"{number} takes {one} out of order, after {last[one.mail.sender]}")
            last[one.mail.sender] = one.mail.seq

    def _check_life(self, cell: Cell) -> None:
        player: Any = cell.actor
        if player is None or not cell.is_up:
            return
        for mail, reply in player.waits_for.items():
            if reply.is_done():
                self.complain(f"{cell.name} has not got the answer to {mail}")
        queued = [letter for letter in cell.lane or () if letter[0].__name__ == "Terminated"]
        for watched in player.watches:
            name = self.cells[watched].name
            if self.cells[watched].state is CLOSED and not queued and (cell.name, name) not in self._lost_ends:
                self.complain(f"{cell.name} has not heard of the end of {name}")

    def _check_state(self, cell: Cell) -> None:
        said = f"{cell.name} is {cell.state} with {len(cell.lane or ())} queued"
        if cell.state is SCHEDULED or (cell.state is IDLE and (cell.lane or cell.attention or cell.turn is not None)):
            self.complain(f"{said}: nobody runs it")
        if cell.state is SUSPENDED and (cell.orders or (cell.is_up and cell.parked_on is None)):
            self.complain(f"{said}, it is up: {cell.is_up}, parked: {cell.parked_on}, orders: {cell.orders}")
        if cell.state is CLOSED and (cell.lane or cell.waiting or cell.orders):
            self.complain(f"{said}, waiting: {cell.waiting}, orders: {cell.orders}")
        behind = cell.parked_on
        if behind is not None and cell.state is SUSPENDED and cell not in (behind.waiting or ()):
            self.complain(f"{said}, parked on {behind}, and nobody will tell it")
        if cell.waiting and cell.state is IDLE:
            self.complain(f"{said}, there is room, and {cell.waiting} wait for it")
        if any(not isinstance(one, Mailbox) for one in cell.waiting or ()):
            self.complain(f"{said}, and somebody who is gone waits for room: {cell.waiting}")
        owner = cell.owner
        if (
            owner is not None
            and cell.state not in (CLOSED, AWAITING)
            and (owner.extra is None or cell not in owner.extra.children)
        ):
            self.complain(f"{said} and outlives its owner {owner.name}")

    def _check_timers(self, cell: Cell) -> None:
        timers = {} if cell.extra is None else cell.extra.timers
        for key, number in timers.items():
            is_queued = any(type(letter[0]) is Tick and letter[0].number == number for letter in cell.lane or ())
            if (cell.number, number) not in self.runtime.hand.live and not is_queued:
                self.complain(f"{cell.name} has a timer {key} that will never ring")
        for key in self.runtime.hand.live:
            if isinstance(key, tuple) and len(key) == 2 and key[0] == cell.number and key[1] not in timers.values():
                self.complain(f"{cell.name} has left a timer behind: {key}")

    def check_at_end(self) -> None:
        """When all are gone."""
        unanswered = [mail for mail, reply in self.asks if not reply.is_done()]
        if unanswered or not all(stop.is_done() for stop in self.stops):
            self.complain(f"never answered: {unanswered}, stops: {self.stops}")
        for cell in self.cells.values():
            if cell.state is not CLOSED or cell.is_alive:
                self.complain(f"{cell.name} is not closed: {cell.state}, alive: {cell.is_alive}")
        assert not self.complaints, self.complaints
