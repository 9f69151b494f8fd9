"""The mailbox of a user's actor: bounded, with a declared overflow, and no lock on the way in.

=========  =======================================================  ================================
state      meaning                                                  a message
=========  =======================================================  ================================
idle       nothing queued, nobody runs it                           is queued and asks for a turn
scheduled  a dispatcher has it: queued there, or running a turn     is queued
awaiting   its ``async`` handler awaits                             is queued
suspended  not started, parked, or between two incarnations         is queued
closed     its actor has stopped for good                           is undelivered
=========  =======================================================  ================================

The sender appends, then looks at the state; who runs the turn sets the state to idle, then looks at the queue once more.
Whichever comes second sees the other (each is one bytecode on one object), so no message is left lying. A lock around the
append made the way from one actor to another a third longer.

The bound is looked at before the append, so senders that come at the same moment may pass it by one each.

When it is full, ``overflow`` does what is declared.
"""

from __future__ import annotations

from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING

from dagger_actors.actors.inside import inside
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.errors import ActorStopped, MailboxFull, SystemClosed
from dagger_actors.supervised.overflow import block, drop_oldest, refuse_too_many_stops
from dagger_actors.supervised.turn import Order, Turn
from dagger_actors.supervised.wire import StopLetter, fail, resolve

if TYPE_CHECKING:
    import threading

    from dagger_actors.core.protocols import Dispatcher
    from dagger_actors.supervised.bounds import Overflow
    from dagger_actors.supervised.post import Post
    from dagger_actors.supervised.undelivered import Reason
    from dagger_actors.supervised.wire import Letter

__all__ = [
    "AWAITING",
    "CLOSED",
    "IDLE",
    "SCHEDULED",
    "SUSPENDED",
    "Mailbox",
    "handling",
]

IDLE, SCHEDULED, AWAITING, SUSPENDED, CLOSED = "idle", "scheduled", "awaiting", "suspended", "closed"

handling: ContextVar[Mailbox | None] = ContextVar("handling", default=None)
"""The mailbox whose ``async`` handler this coroutine belongs to; a plain handler is known by its thread."""


class Mailbox:
    """One actor's queue; ``put``, ``wake`` and ``order`` may be called by any thread, the rest only by its turn.

    Attributes:
        lane: What is queued, oldest first; None until the first message.
        capacity: Messages that may be queued.
        state: One of the five.
        attention: Whether the turn must look at more than the next message.
        is_up: Whether an incarnation is there to take messages.
        turn: The turn that runs or awaits; None = none does, though one may be queued at the dispatcher.
    """

    __slots__ = (
        "attention",
        "capacity",
        "dispatcher",
        "is_up",
        "lane",
        "lock",
        "orders",
        "overflow",
        "parked_on",
        "post",
        "state",
        "turn",
        "waiting",
    )

    def __init__(
        self, post: Post, dispatcher: Dispatcher, lock: threading.Lock, *, capacity: int, overflow: Overflow
    ) -> None:
        self.post = post
        self.dispatcher = dispatcher
        self.lock = lock  # for changes of state; shared with other mailboxes, for it is held for a few bytecodes only
        self.capacity = capacity
        self.overflow = overflow
        self.state = SUSPENDED
        self.is_up = False
        self.attention = False
        self.lane: deque[Letter] | None = None
        self.turn: Turn | None = None
        self.orders: deque[Order] | None = None  # what its turn does before it takes a message
        self.waiting: list[ReplyFuture[None] | Mailbox] | None = None  # callers, and who is parked on this one
        self.parked_on: Mailbox | None = None

    # --- any thread

    def put(self, letter: Letter) -> None:
        """Queue a letter, whatever the state is; the long way, of which ``Ref.tell`` knows a short one.

        Raises:
            MailboxFull: There is no room, and none came in time.
        """
        lane = self.lane
        if lane is not None and len(lane) >= self.capacity and self.state is not CLOSED:
            self._make_room(lane)
        self.push(letter)

    def push(self, letter: Letter) -> None:
        """Queue a letter though there may be no room: what nobody could wait for, and must not be lost."""
        lane = self.lane
        if lane is None:
            with self.lock:
                if self.lane is None:
                    self.lane = deque()
                lane = self.lane
        lane.append(letter)
        if self.state is not SCHEDULED:
            self.wake()

    def push_stop(self, letter: Letter) -> None:
        """Queue a stop, for which there is room when there is none for messages.

        Raises:
            MailboxFull: So many stops are queued that it is none of them that is missing.
        """
        if self.lane is not None and self.state is not CLOSED:
            refuse_too_many_stops(self, self.lane)
        self.push(letter)

    def wake(self) -> None:
        """See to it that what was queued gets its turn, or is refused."""
        with self.lock:
            state = self.state
            if state is IDLE:
                self.state = SCHEDULED
        if state is IDLE:
            self.schedule()
        elif state is CLOSED:
            self.refuse_all()

    def order(self, action: Order) -> None:
        """Have its turn do something before it takes the next message; forgotten when it is closed or killed."""
        with self.lock:
            state = self.state
            if state is CLOSED:
                return
            if self.orders is None:
                self.orders = deque()
            self.orders.append(action)
            self.attention = True
            if state in (SCHEDULED, AWAITING):
                return
            self.state = SCHEDULED
        self.schedule()

    def schedule(self) -> None:
        """Ask the dispatcher for a turn; the state says so already."""
        try:
            self.dispatcher.schedule(self)  # type: ignore[arg-type]  # the cell, which is a Runnable
        except (
            SystemClosed,
            RuntimeError,
        ) as error:  # the system's threads have ended, or the machine has none to give
            self.strand(error)

    def strand(self, error: Exception) -> None:
        """No turn is to be had: whoever waits must hear that."""
        del error
        self.shut()

    def room(self) -> ReplyFuture[None]:
        """Wait in line for room; the future is resolved when half of it is free, or it is closed."""
        future: ReplyFuture[None] = ReplyFuture()
        self.line_up(future)
        return future

    def leave_line(self, future: ReplyFuture[None]) -> None:
        """Wait for room no longer."""
        with self.lock:
            if self.waiting is not None and future in self.waiting:
                self.waiting.remove(future)

    def is_full(self) -> bool:
        """Tell whether a caller would have to wait."""
        return self.lane is not None and len(self.lane) >= self.capacity and self.state is not CLOSED

    # --- its turn

    def enter(self) -> Turn | None:
        """Begin a turn; None = there is none to be had."""
        with self.lock:
            if self.state is not SCHEDULED or self.turn is not None:
                return None
            turn = self.turn = Turn()
        return turn

    def take_over(self) -> Turn | None:
        """Begin a turn in the calling thread, which no dispatcher has given; None = it is not idle."""
        with self.lock:
            if self.state is not IDLE or self.lane or self.attention:
                return None
            self.state = SCHEDULED
            turn = self.turn = Turn()
        return turn

    def interrupt(self, turn: Turn) -> bool:
        """End a turn that has lasted long enough; True when it is to go on later."""
        with self.lock:
            if self.turn is not turn:
                return False
            self.turn = None
            return self.state is SCHEDULED

    def settle(self, turn: Turn) -> bool:
        """End a turn that found nothing more.

        Returns:
            True when there is something after all.
        """
        with self.lock:
            if self.turn is not turn:
                return False
            self.turn = None
            if self.state is not SCHEDULED:
                return False
            if self.attention:
                return True
            self.state = IDLE
        if self.lane:
            self.wake()
        return False

    def pause(self, turn: Turn) -> bool:
        """End a turn of one that takes no message now.

        Returns:
            True when there is something to do after all.
        """
        with self.lock:
            if self.turn is not turn:
                return False
            self.turn = None
            if self.state is not SCHEDULED:
                return False
            if self.orders or (self.is_up and self.parked_on is None):
                return True
            self.state = SUSPENDED
        return False

    def give_room(self) -> None:
        """Let those go on who wait for room, when half of it is free."""
        if self.lane and len(self.lane) > self.capacity // 2:
            return
        with self.lock:
            waiting, self.waiting = self.waiting, None
            self.attention = bool(self.orders)
        for one in waiting or ():
            if isinstance(one, Mailbox):
                one.unpark()
            else:
                one.set(None)

    def unpark(self) -> None:
        """There is room where it sent to: go on."""
        with self.lock:
            self.parked_on = None
            if self.state is not SUSPENDED or not self.is_up:
                return
            self.state = SCHEDULED
        self.schedule()

    def shut(self) -> bool:
        """Refuse what is queued and all that comes; False when somebody has done so before."""
        with self.lock:
            if self.state is CLOSED:
                return False
            self.state = CLOSED
            self.is_up = False
            self.orders = None
            waiting, self.waiting = self.waiting, None
        for one in waiting or ():
            if isinstance(one, Mailbox):
                one.unpark()
            else:
                one.set(None)
        self.refuse_all()
        return True

    def refuse_all(self) -> None:
        """Answer and tell everything that is queued as undelivered."""
        lane = self.lane
        while lane:
            try:
                letter = lane.popleft()
            except IndexError:  # another sender refuses it at this moment
                return
            self.refuse(letter, ActorStopped(str(self)), "stopped")

    def refuse(self, letter: Letter, error: Exception, reason: Reason) -> None:
        """Answer a letter's ask with an error and tell it as undelivered; a stop has what it wants."""
        reply = letter[2]
        if letter[0] is StopLetter:
            assert reply is not None
            resolve(reply, result=True)
            return
        if reply is not None:
            fail(reply, error)
        self.post.undelivered(letter, self, reason)

    # --- no room

    def _make_room(self, lane: deque[Letter]) -> None:
        """Come to have room for one letter, by the declared overflow."""
        if self.overflow == "drop_oldest":
            drop_oldest(self, lane)
        elif self.overflow == "reject":
            raise MailboxFull(str(self), self.capacity)
        else:
            turn = inside.turn
            block(self, turn if isinstance(turn, Mailbox) else handling.get())

    def line_up(self, one: ReplyFuture[None] | Mailbox) -> None:
        """Have a caller, or a sender that is parked, wait in line for room."""
        with self.lock:
            is_open, is_idle = self.state is not CLOSED, self.state is IDLE
            if is_open:
                if self.waiting is None:
                    self.waiting = []
                self.waiting.append(one)
                self.attention = True
            if is_idle:  # it has become empty meanwhile: nobody would look
                self.state = SCHEDULED
        if is_idle:
            self.schedule()
        elif not is_open:
            one.unpark() if isinstance(one, Mailbox) else one.set(None)
