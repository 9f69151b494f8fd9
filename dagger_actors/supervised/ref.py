"""The reference to a user's actor: how everybody else talks to it."""

from __future__ import annotations

from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from pykka import ActorRef

from dagger_actors.actors.inside import inside
from dagger_actors.actors.ref import urn_of
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.errors import AskInsideHandler, MailboxFull, RequestError
from dagger_actors.supervised import wire
from dagger_actors.supervised.circles import AwaitedReply, refuse_circle
from dagger_actors.supervised.effects import effects_here, seen, send
from dagger_actors.supervised.mailbox import CLOSED, SCHEDULED
from dagger_actors.supervised.overflow import BLOCK_S
from dagger_actors.supervised.waiting import limited, room
from dagger_actors.supervised.wire import StopLetter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dagger_actors.supervised.lifecycle import Lifecycle
    from dagger_actors.supervised.wire import Letter

__all__ = ["ASK_S", "Ref", "StopLetter", "tell_all"]

ASK_S = 5.0
"""How long an ask waits, unless it says otherwise."""

_encode = msgspec.msgpack.Encoder().encode


class Ref(ActorRef[Any]):
    """A reference: stays right while its actor is restarted, and never keeps anything but the mailbox alive."""

    __slots__ = ("cell",)

    def __init__(self, cell: Lifecycle) -> None:
        self.cell = cell

    @property
    def name(self) -> str:
        """The actor's name in its system."""
        return self.cell.name

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # pykka's attribute, made only when somebody looks
        """A URN that is unique in this process."""
        return urn_of(self.cell.number)

    @property
    def actor_class(self) -> Any:  # type: ignore[override]  # pykka's attribute
        """The actor's class."""
        return self.cell.traits.cls

    def is_alive(self) -> bool:
        """Tell whether it takes messages, now or after a restart."""
        return self.cell.state is not CLOSED

    def tell(self, message: Any) -> None:
        """Send a message and go on. To an actor that has stopped it is undelivered, which is no error here.

        Args:
            message: A Struct, or whatever the actor has a handler for.

        Raises:
            MessageRefused: It cannot be encoded.
            MailboxFull: Its mailbox has no room: at once when it rejects, after 5 s when it blocks.
        """
        cell = self.cell
        lane = cell.lane
        try:
            data = _encode(message)
        except Exception:  # noqa: BLE001  told in our words
            data = wire.encode(message)
        if seen.any and (effects := effects_here()) is not None:
            effects.post(cell, (message.__class__, data, None, None))
            return
        if lane is None or len(lane) >= cell.capacity:
            cell.put((message.__class__, data, None, None))
            return
        lane.append((message.__class__, data, None, None))
        if cell.state is not SCHEDULED:
            cell.wake()

    async def atell(self, message: Any) -> None:
        """``tell`` from a coroutine: waits for room in a full mailbox without blocking the event loop.

        Raises:
            MessageRefused: It cannot be encoded.
            MailboxFull: No room came within 5 s; at once when it rejects.
        """
        cell = self.cell
        letter = (message.__class__, wire.encode(message), None, None)
        if seen.any and (effects := effects_here()) is not None:
            effects.post(cell, letter)
        elif cell.overflow == "block":
            if cell.is_full():
                await room(cell, BLOCK_S)
            cell.push(letter)
        else:
            cell.put(letter)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = ASK_S) -> Any:
        """Send a message and get what its handler returns.

        On a running event loop, and with ``block=False`` anywhere, it gives a reply to wait for: ``await ref.ask(...)``,
        ``reply.get(timeout=...)``.

        Args:
            message: What to send.
            block: Wait here, where that is possible.
            timeout: Seconds to wait at most; None waits for ever.

        Returns:
            The answer, or the reply that will have it.

        Raises:
            TimeoutError: No answer in time; the message may still be handled.
            ActorStopped: It has stopped, or stops before it handles the message.
            MessageRefused: The message or the answer cannot be encoded, or does not hold what its class says.
            MessageUnhandled: The actor has no handler for it.
            MailboxFull: Its mailbox has no room.
            AskInsideHandler: A waiting ask inside a plain handler; nothing was sent.
            AskCircle: The actor that is asked awaits an answer of the one that asks, itself or through others; nothing was
                sent, unless it came to that only afterwards.
            BaseException: What its handler raised.
        """
        cell = self.cell
        if block and inside.turn is not None:
            raise AskInsideHandler(str(self))
        kind, data = message.__class__, wire.encode(message)
        if block and cell.traits.runs_here and cell.post.runs_here and _get_running_loop() is None:
            answer = cell.run_here(kind, data)
            if answer is not None:
                return answer[0]
        reply: ReplyFuture[Any]
        if _get_running_loop() is None:
            reply = ReplyFuture()
            send(cell, (kind, data, reply, None))
        else:
            if block:
                refuse_circle(cell)
            reply = AwaitedReply(cell)
            cell.put((kind, data, reply, None))  # awaited in a turn, perhaps, which cannot end before it
        return self._wait_for(reply, timeout) if block else self._not_waited_for(reply)

    def stop(self, *, block: bool = True, timeout: float | None = ASK_S) -> Any:
        """Have it stop when everything sent before has been handled; its supervisor takes that for a normal end.

        A full mailbox is no hindrance. On a running event loop, and with ``block=False`` anywhere, it gives something to
        await, as ``ask`` does.

        Args:
            block: Wait until it has.
            timeout: Seconds to wait at most; None waits for ever.

        Returns:
            True, also when it had stopped before; with ``block=False`` a reply that will have it.

        Raises:
            TimeoutError: It has not, in time.
            MailboxFull: It has been told to stop a thousand times and more, and is still at it.
            AskInsideHandler: Waiting inside a plain handler; nothing was sent. ``ctx.stop()`` is for the actor itself.
        """
        if block and inside.turn is not None:
            raise AskInsideHandler(str(self))
        reply: ReplyFuture[Any] = ReplyFuture()
        effects = effects_here() if seen.any and _get_running_loop() is None else None
        if effects is not None:
            effects.stop(self.cell, (StopLetter, b"", reply, None))
        elif self.cell.post.runs_here and self.cell.leave("normal"):
            reply.set(True)
        else:
            self.cell.push_stop((StopLetter, b"", reply, None))
        return self._wait_for(reply, timeout) if block else self._not_waited_for(reply)

    def _not_waited_for(self, reply: ReplyFuture[Any]) -> ReplyFuture[Any]:
        reply.asked = self  # for whoever waits for it in the wrong place
        return reply

    def _wait_for(self, reply: ReplyFuture[Any], timeout: float | None) -> Any:
        if _get_running_loop() is None:
            return self.cell.post.wait(reply, timeout)
        answer: Any = limited(reply, timeout, str(self))
        answer.__qualname__ = "Ref.ask or Ref.stop"  # for who forgets to await it, and is warned by this name
        return answer

    def proxy(self) -> NoReturn:
        """Not to be had: a proxy reaches into an actor past its typed messages.

        Raises:
            RequestError: Always.
        """
        raise RequestError(f"{self.name} takes messages only; write a @handler, and use tell or ask")

    def __repr__(self) -> str:
        return f"<Ref {self.name} ({self.cell.traits.cls.__name__})>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and other.cell is self.cell

    def __hash__(self) -> int:
        return hash(id(self.cell))


def tell_all(refs: Iterable[Ref], message: Any) -> None:
    """Send one message to many actors and go on; it is encoded once, and each of them decodes it for itself.

    Args:
        refs: Of any systems; one that comes twice gets it twice.
        message: As for ``Ref.tell``.

    Raises:
        MessageRefused: It cannot be encoded; nobody has got it.
        MailboxFull: The first of those that had no room; all others have got it.
    """
    post, full = None, None
    letter: Letter
    effects = effects_here() if seen.any else None
    for ref in refs:
        cell = ref.cell
        if cell.post is not post:
            post = cell.post
            letter = (message.__class__, post.encode(message), None, None)
        lane = cell.lane
        if effects is not None or lane is None or len(lane) >= cell.capacity:
            try:
                cell.put(letter) if effects is None else effects.post(cell, letter)
            except MailboxFull as error:
                full = full or error
            continue
        lane.append(letter)
        if cell.state is not SCHEDULED:
            cell.wake()
    if full is not None:
        raise full
