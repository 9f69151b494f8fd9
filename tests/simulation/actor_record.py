"""A record of what random actors do in virtual time, and the laws it must keep.

What breaks a law while actors run is written down as a complaint: raised there, it would be taken for an actor's failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.supervised.cell import Cell
from dagger_actors.supervised.context import Terminated
from dagger_actors.supervised.house import House
from dagger_actors.supervised.mailbox import AWAITING, CLOSED, IDLE, SCHEDULED, SUSPENDED, Mailbox
from dagger_actors.supervised.tick import Tick
from dagger_actors.supervised.undelivered import Undelivered
from dagger_actors.testing.virtual import VirtualRuntime
from dagger_actors.testing.world import World
from tests.simulation.actor_cast import KINDS, ONCE, REPEATING, Mail, Player

__all__ = ["Record"]

NAMES = frozenset(kind.__name__ for kind in KINDS)


class Record:
    """What happened on one stage.

    Attributes:
        world: Its time.
        house: Its actors' house.
        journal: What happened, line by line; equal for equal seeds.
        complaints: Laws that were broken.
        cells: The actors, by number.
        sent: Every message that was sent, and to whom.
    """

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.house = House(VirtualRuntime(self.world, "w1"), listen=self._is_undelivered)
        self.journal: list[str] = []
        self.complaints: list[str] = []
        self.cells: list[Cell] = []
        self.sent: dict[int, int] = {}
        self.asks: dict[int, ReplyFuture[Any]] = {}
        self.stops: list[ReplyFuture[Any]] = []
        self.waits_for: dict[int, tuple[Player, ReplyFuture[Any]]] = {}  # asks whose answer a callback waits for
        self.timers: dict[tuple[int, str], int] = {}  # by life and key, the number of its message
        self.gathered: set[tuple[int, int]] = set()  # of timers that are over: by life, the number
        self.watches: set[tuple[int, int]] = set()  # life and actor watched
        self.owners: dict[int, int] = {}  # by actor: the life that it must not outlive
        self._lives = 0
        self._life: dict[int, Player] = {}  # by actor: the instance that may run
        self._in_hand: dict[int, tuple[int, ...]] = {}  # by actor
        self._entered: Counter[int] = Counter()  # messages that its handlers were called with, by actor
        self._last_steps: dict[int, int] = {}
        self._last: dict[tuple[int, int], int] = {}  # by sender and receiver
        self._taken: Counter[int] = Counter()
        self._lost: Counter[int] = Counter()
        self._lost_ends: set[tuple[str, str]] = set()

    def note(self, line: str) -> None:
        self.journal.append(f"{self.world.mono_us} {line}")

    def complain(self, line: str) -> None:
        self.note(f"COMPLAINT {line}")
        self.complaints.append(line)

    # --- what players tell

    def is_born(self, player: Player) -> int:
        self._lives += 1
        if player.index in self._life:
            self.complain(f"a{player.index} is born beside another of it")
        self._life[player.index] = player
        return self._lives

    def is_living(self, player: Player) -> bool:
        return self._life.get(player.index) is player

    def is_over(self, cell: Cell, kind: str) -> None:
        """Told by the parents."""
        self.note(f"{cell.name} is over: {kind}")
        index = int(cell.name[1:])
        self._in_hand.pop(index, None)
        player = self._life.pop(index, None)
        if player is not None:
            self.timers = {key: number for key, number in self.timers.items() if key[0] != player.life}
            self.watches = {watch for watch in self.watches if watch[0] != player.life}
            self.waits_for = {mail: wait for mail, wait in self.waits_for.items() if wait[0] is not player}

    @contextmanager
    def handling(self, player: Player, mails: Sequence[Mail]) -> Iterator[None]:
        index, ids = player.index, tuple(mail.id for mail in mails)
        self.note(f"a{index} takes {','.join(map(str, ids))}")
        self._must_live(player, "a message")
        if index in self._in_hand:
            self.complain(f"a{index} takes {ids} amidst {self._in_hand[index]}")
        self._in_hand[index] = ids
        self._entered[index] += len(mails)
        for mail in mails:
            self._takes(player, mail)
        try:
            yield
        finally:
            if self.is_living(player):
                self._in_hand.pop(index, None)

    def replaces_timer(self, player: Player, key: str) -> bool:
        """A timer is over; True when it would have sent more. What a batch has gathered of it is handled still."""
        number = self.timers.pop((player.life, key), None)
        extra = player.actor_inbox.extra
        gathered = () if extra is None or extra.batch is None else extra.batch[2]
        mine = [mail for mail in gathered if isinstance(mail, Mail) and mail.id == number]
        self.gathered |= {(player.life, mail.id) for mail in mine}
        return number is not None and not any(mail.sender == ONCE for mail in mine)

    def _takes(self, player: Player, mail: Mail) -> None:
        if mail.sender in (ONCE, REPEATING):
            if (player.life, mail.id) in self.gathered:
                self.gathered.remove((player.life, mail.id))
                return
            keys = [key for key, number in self.timers.items() if key[0] == player.life and number == mail.id]
            if not keys:
                self.complain(f"a{player.index} takes {mail}, which is of none of its timers")
            elif mail.sender == ONCE:
                del self.timers[keys[0]]
            return
        self._taken[mail.id] += 1
        if mail.seq <= self._last.get((mail.sender, player.index), 0):
            self.complain(f"a{player.index} takes {mail} out of order")
        self._last[mail.sender, player.index] = mail.seq

    def hears(self, player: Player, end: Terminated) -> None:
        self.note(f"a{player.index} hears {end.name} {end.error}")
        self._must_live(player, "an end")
        self._entered[player.index] += 1
        watched = int(end.name[1:])
        if self.cells[watched].state is not CLOSED:
            self.complain(f"a{player.index} hears of the end of {end.name}, which goes on")
        if (player.life, watched) not in self.watches:
            self.complain(f"a{player.index} hears of {end.name}, which it does not watch")
        self.watches.discard((player.life, watched))

    def is_unhandled(self, player: Player) -> None:
        self._must_live(player, "a message it has no handler for")

    def is_answered(self, player: Player, mail: Mail, answer: Any) -> None:
        self.note(f"a{player.index} has the answer to {mail.id}: {said(answer)}")
        if self.waits_for.pop(mail.id, None) is None:
            self.complain(f"{mail.id} was answered twice")
        if isinstance(answer, int) and answer != self.sent[mail.id]:
            self.complain(f"{mail.id} was answered by a{answer}")
        self._must_live(player, f"the answer to {mail.id}")
        if player.index in self._in_hand:
            self.complain(f"a{player.index} gets an answer amidst {self._in_hand[player.index]}")

    def goes_on(self, player: Player) -> None:
        """A coroutine of an incarnation that is over takes at most the step it was due to take; then it is cancelled."""
        if self.is_living(player):
            return
        if self._last_steps.setdefault(player.life, self.world.steps) != self.world.steps:
            self.complain(f"a{player.index} is over and its coroutine goes on")

    def _must_live(self, player: Player, what: str) -> None:
        if not self.is_living(player):
            self.complain(f"a{player.index} is over and gets {what}")

    def _is_undelivered(self, event: Undelivered) -> None:
        self.note(f"undelivered {event.message} to {event.to}: {event.reason}")
        if event.message == "Terminated":
            self._lost_ends.add((event.to, msgspec.msgpack.decode(event.content)["name"]))
        elif event.message in NAMES:
            mail = msgspec.msgpack.decode(event.content, type=Mail)
            if mail.sender == ONCE:
                self.timers = {key: number for key, number in self.timers.items() if number != mail.id}
            elif mail.sender != REPEATING:
                self._lost[mail.id] += 1

    # --- the laws

    def is_somewhere(self, mail: int) -> bool:
        """Tell whether a message has been taken, lost or queued."""
        return bool(self._taken[mail] or self._lost[mail] or self._queued()[mail])

    def _queued(self) -> Counter[int]:
        queued: Counter[int] = Counter()
        for cell in self.cells:
            letters = list(cell.lane or ())
            if cell.extra is not None and cell.extra.batch is not None:
                letters += cell.extra.batch[1]
            for letter in letters:
                if letter[0] in KINDS:
                    queued[msgspec.msgpack.decode(letter[1])["id"]] += 1
        return queued

    def check_at_rest(self) -> None:
        """At a moment when nothing can happen without time passing."""
        queued = self._queued()
        waits_for_room = any(not isinstance(one, Mailbox) for cell in self.cells for one in cell.waiting or ())
        for mail, receiver in self.sent.items():
            places = self._taken[mail], self._lost[mail], queued[mail]
            if sum(places) != 1 and not (waits_for_room and sum(places) == 0):
                self.complain(f"{mail} to a{receiver} is taken, undelivered, queued {places} times")
        for mail, (player, reply) in self.waits_for.items():
            if reply.is_done() and player.actor_inbox.state is not AWAITING:
                self.complain(f"a{player.index} has not got the answer to {mail}")
        in_hand = {mail for mails in self._in_hand.values() for mail in mails}
        for mail, reply in self.asks.items():
            if (self._taken[mail] or self._lost[mail]) and mail not in in_hand and not reply.is_done():
                self.complain(f"{mail} is not answered, and it is in nobody's hand")
        for index, cell in enumerate(self.cells):
            self._check_state(cell)
            self._check_timers(cell)
            if cell.handled != self._entered[index]:
                self.complain(f"{cell.name} counts {cell.handled} messages, not {self._entered[index]}")
        for life, watched in self.watches:
            self._check_watch(life, watched)
        self._check_owners()
        if self.house.turns:
            self.complain(f"turns are left: {self.house.turns}")
        assert not self.complaints, self.complaints

    def _check_watch(self, life: int, watched: int) -> None:
        cell = next(player.actor_inbox for player in self._life.values() if player.life == life)
        is_queued = any(letter[0].__name__ == "Terminated" for letter in cell.lane or ())
        if self.cells[watched].state is CLOSED and not is_queued and (cell.name, f"a{watched}") not in self._lost_ends:
            self.complain(f"{cell.name} has not heard of the end of a{watched}")

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

    def _check_timers(self, cell: Cell) -> None:
        for key, number in () if cell.extra is None else cell.extra.timers.items():
            is_set = ("w1", (cell.number, number)) in self.world.timers
            is_queued = any(type(letter[0]) is Tick and letter[0].number == number for letter in cell.lane or ())
            if number and not is_set and not is_queued:
                self.complain(f"{cell.name} has a timer {key} that will never ring")

    def _check_owners(self) -> None:
        lives = {player.life for player in self._life.values()}
        for index, owner in self.owners.items():
            if owner not in lives and self.cells[index].state not in (CLOSED, AWAITING):
                self.complain(f"a{index} outlives its owner")

    def check_at_end(self) -> None:
        """When all are gone."""
        unanswered = [mail for mail, reply in self.asks.items() if not reply.is_done()]
        if unanswered or not all(stop.is_done() for stop in self.stops):
            self.complain(f"never answered: {unanswered}, stops: {self.stops}")
        for cell in self.cells:
            if cell.state is not CLOSED or cell.is_alive:
                self.complain(f"{cell.name} is not closed")
        timers = [key for key in self.world.timers if key[0] == "w1"]
        if timers or self.house.nursery.cells or self.house.names.actors:
            self.complain(f"left behind: {timers} {self.house.nursery.cells} {self.house.names.actors}")
        assert not self.complaints, self.complaints


def said(answer: Any) -> str:
    """An answer, for the journal."""
    return type(answer).__name__ if isinstance(answer, BaseException) else repr(answer)
