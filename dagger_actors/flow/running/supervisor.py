"""The supervisor of one run: an actor that takes turns, hears of the whole run, and stops deciding when something is wrong.

A turn takes all that is queued, applies it to the machine (``deciding``) and leaves one draft; the journal takes the draft
when it is ready to write, and lets the effects out after the commit (``uncommitted``). So the machine runs ahead of the disk
and nothing it decides can be seen before the disk has it. What is told of single nodes is for ``node_news``.

When the machine crashes, or a unit is refused, the supervisor stops deciding, keeps what it is told, and asks the root
to have the run rebuilt from the file; ref, mailbox and gate stay.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeGuard, cast

import msgspec
from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.gate import Gate
from dagger_actors.core.flow_messages import (
    CancelRun,
    ControlRun,
    Detach,
    FlowMessage,
    Reopen,
    TimerFired,
    decode_message,
)
from dagger_actors.core.messages import encode, is_end
from dagger_actors.core.protocols import Now
from dagger_actors.errors import WorkRejected
from dagger_actors.flow.machine.events import Cancelled, Detached, Flushed, Ordered, TimeUp
from dagger_actors.flow.machine.orders import CancelVertex, Pause, Resume
from dagger_actors.flow.running.deciding import Deciding
from dagger_actors.flow.running.emitter import Emitter
from dagger_actors.flow.running.handover import Opening, Services
from dagger_actors.flow.running.node_news import NodeNews
from dagger_actors.flow.running.rejected_work import as_failed
from dagger_actors.flow.running.uncommitted import Uncommitted

__all__ = ["FlowSupervisor"]

logger = logging.getLogger("dagger_actors.flow")

TURN = 128
"""Messages after which the journal is given what has been decided, so that it can write while we go on."""

FLUSH_US = 50_000
"""How long ``running`` may go unwritten; most attempts are over by then and need no row for it."""


class FlowSupervisor(Actor):
    """Owns one run.

    Args:
        services: What all supervisors share.
        gate: Where the run's attempts start.
        emitter: Lets effects out.
        ask_rebuild: Told when the run must be rebuilt: the reason, and the completions to apply again.
    """

    def __init__(
        self,
        services: Services,
        gate: Gate,
        emitter: Emitter,
        *,
        ask_rebuild: Callable[[BaseException, list[bytes]], None],
    ) -> None:
        super().__init__()
        self._services = services
        self._gate = gate
        self._emitter = emitter
        self._ask_rebuild = ask_rebuild
        self._deciding: Deciding | None = None
        self._news: NodeNews
        self._uncommitted = Uncommitted(services, emitter, self.tell)
        self._stash: list[Envelope[Any]] = []
        self._flush_armed = False
        self._waiting_idle: list[Any] = []

    # --- turns

    def receive_batch(self, envelopes: list[Envelope[Any]]) -> None:
        """Take all that is queued and leave one draft."""
        now = self._services.clock.now()
        for at, envelope in enumerate(envelopes):
            if isinstance(envelope.message, Opening):
                self._open(envelope.message)
            elif self._deciding is None:
                self._stash.append(envelope)
            else:
                if not at % TURN:
                    self._hand_over()
                    now = self._services.clock.now()
                    self._deciding.note_started(now)
                self._receive(envelope.message, envelope, now)
        self._hand_over()
        if self._waiting_idle:
            self._tell_idle()
        if self._deciding is not None and self._deciding.machine.has_plenty():
            # A turn for every end costs two thread switches and a commit each; the bodies lose nothing by our waiting.
            self._services.breathe()

    def on_crash(self, error: BaseException, envelopes: list[Envelope[Any]]) -> None:
        """Stop deciding; everything told and not committed is told again to the rebuilt machine."""
        logger.error("a flow supervisor crashed; it is rebuilt from the file", exc_info=error)
        ends: list[bytes] = []
        for envelope in envelopes:
            message = envelope.message
            if isinstance(message, Opening):
                ends += message.ends
            elif _is_end(message):
                ends.append(message)
            elif _is_message(message):
                self._stash.append(envelope)
        self._break(error, ends)

    def _break(self, error: BaseException, messages: list[bytes]) -> None:
        self._gate.hold()
        drafts = self._uncommitted.take_back()
        if self._deciding is not None:
            drafts.append(self._deciding.draft)
        self._deciding = None
        for draft in drafts:
            # Their ends will be told again, and the record in the slot file is freed only with the commit of that.
            for actor in draft.ended:
                ticket = actor.ticket
                self._emitter.actors[ticket.node, ticket.item, ticket.attempt] = actor
        told = [message for draft in drafts for message in draft.messages] + messages
        if isinstance(error, WorkRejected):
            told = [self._retold(payload, error) for payload in told]
        known = {id(one) for envelope in self._stash for one in (envelope.message, envelope.reply_to)}
        orders = [order for draft in drafts for order in draft.orders if id(order) not in known]
        self._stash = [*map(Envelope, orders), *self._stash]
        replies = [reply for draft in drafts for reply in draft.replies]
        for reply in replies:
            if id(reply) not in known:  # else it is answered when what it asks is handled again
                reply.fail_once(error)  # it may be on its way into the file, and be answered from there
        self._ask_rebuild(error, told)

    def _retold(self, payload: bytes, error: WorkRejected) -> bytes:
        failed = as_failed(payload, error)
        if failed is None:
            return payload
        actor = self._emitter.actors.get(failed[1])
        if actor is not None:
            actor.ticket.has_failed = True  # the gate is held for it, as for any other failure
        return failed[0]

    def _open(self, opening: Opening) -> None:
        self._uncommitted.begin_anew()
        self._flush_armed = False
        deciding = self._deciding = Deciding(opening, self._gate, self._emitter, self.tell)
        self._news = NodeNews(self._services, opening, deciding, gate=self._gate, emitter=self._emitter, tell=self.tell)
        now = self._services.clock.now()
        deciding.apply(opening.opened, now)
        for payload in opening.ends:
            self._receive(payload, None, now)
        while self._stash:
            self._receive(self._stash[0].message, self._stash.pop(0), now)

    # --- messages

    def _receive(self, data: bytes, envelope: Envelope[Any] | None, now: Now) -> None:
        message: FlowMessage = decode_message(data)
        deciding = self._deciding
        assert deciding is not None
        match message:
            case CancelRun(is_left=True) if deciding.machine.is_ending:
                pass  # for this would be a second cancel, which nobody has asked for
            case CancelRun(command_id=command_id):
                _keep_order(deciding, data, envelope)
                self._cancel(deciding, command_id, now)
                _answer_after_commit(deciding, envelope)
            case ControlRun():
                _keep_order(deciding, data, envelope)
                self._control(deciding, message, now)
                _answer_after_commit(deciding, envelope)
            case Detach(now=True):
                deciding.hold(now)
                deciding.apply(Detached(), now)
                _answer_after_commit(deciding, envelope)
            case Detach():
                self._gate.hold()
                if envelope is not None and envelope.reply_to is not None:
                    self._waiting_idle.append(envelope.reply_to)
            case Reopen(reason=reason):
                self._break(self._uncommitted.refused or RuntimeError(reason), [])
            case TimerFired(kind="flush"):
                self._flush_armed = False
                deciding.apply(Flushed(), now)
            case TimerFired(kind="run"):
                deciding.hold(now)
                deciding.apply(TimeUp(), now)
            case _:
                self._news.receive(message, data, now)

    def _cancel(self, deciding: Deciding, command_id: int, now: Now) -> None:
        deciding.hold(now)
        is_late = deciding.is_over
        deciding.apply(Cancelled(), now)
        if command_id and not is_late:
            deciding.draft.consume(command_id)

    def _control(self, deciding: Deciding, message: ControlRun, now: Now) -> None:
        if deciding.is_over:
            return
        deciding.hold(now)
        deciding.apply(Ordered(_order(message)), now)
        if message.command_id:
            deciding.draft.consume(message.command_id)

    def on_stop(self) -> None:
        """The run is at rest: bodies that still run are nobody's any more, and nobody need wait for them."""
        self._answer_idle()

    def _tell_idle(self) -> None:
        """Answer those who wait for the last body to end, once its end has been handled too: a leave would lose it."""
        actors = self._emitter.actors.values()
        if not any(actor.ticket.state in ("admitted", "ended") for actor in actors):
            self._answer_idle()

    def _answer_idle(self) -> None:
        waiting, self._waiting_idle = self._waiting_idle, []
        for reply in waiting:
            reply.set(None)

    def tell(self, message: bytes) -> None:
        """Put an encoded message into this supervisor's own mailbox; any thread."""
        self.actor_inbox.put(Envelope(message))

    def _hand_over(self) -> None:
        """Let the journal have what this turn decided; from here on it is no longer this thread's."""
        draft = self._deciding.take_draft(self._services.clock.now) if self._deciding is not None else None
        if draft is not None:
            self._uncommitted.hand_over(draft)

    def on_started(self) -> None:
        """The gate let something through: it is written down a little later, if it still runs then."""
        if not self._flush_armed:
            self._flush_armed = True
            due = self._services.clock.now().mono_us + FLUSH_US
            self._services.timers.set((id(self), "flush"), due, self._flush)

    def _flush(self) -> None:
        self.tell(encode(TimerFired("flush")))


def _keep_order(deciding: Deciding, order: bytes, envelope: Envelope[Any] | None) -> None:
    """Whoever waits for an answer tells it again; what nobody waits for is kept until it is committed."""
    if envelope is None or envelope.reply_to is None:
        deciding.draft.orders.append(order)


def _answer_after_commit(deciding: Deciding, envelope: Envelope[Any] | None) -> None:
    if envelope is not None and envelope.reply_to is not None:
        deciding.draft.replies.append(envelope.reply_to)
        deciding.draft.is_dirty = True


def _order(message: ControlRun) -> Pause | Resume | CancelVertex:
    match message.verb:
        case "pause":
            return Pause()
        case "hold":
            return Pause(is_held=True)
        case "resume":
            return Resume()
        case "cancel_node":
            return CancelVertex(message.node, "node cancelled")


def _is_end(message: object) -> TypeGuard[bytes]:
    return isinstance(message, bytes) and is_end(message)


def _is_message(message: object) -> bool:
    """Tell whether it can be handled at all; what cannot would crash the next machine too."""
    try:
        decode_message(cast("bytes", message))
    except (TypeError, msgspec.DecodeError):
        return False
    return True
