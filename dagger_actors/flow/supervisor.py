"""The supervisor of one run: an actor around the machine, its draft, its gate and its timers.

A turn takes all that is queued, applies it to the machine and leaves one draft; the journal takes the draft when it is
ready to write, and lets the effects out after the commit. So the machine runs ahead of the disk and nothing it decides
can be seen before the disk has it.

When the machine crashes, or a unit is refused, the supervisor stops deciding, keeps what it is told, and asks the root
to have the run rebuilt from the file; ref, mailbox and gate stay.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeGuard, assert_never, cast

import msgspec
from pykka._envelope import Envelope  # pykka exports no public name for what its mailboxes hold

from dagger_actors.actors.actor import Actor
from dagger_actors.actors.gate import Gate
from dagger_actors.core.flow_messages import (
    Answered,
    CancelRun,
    ChildRests,
    ChildWakes,
    ControlRun,
    Detach,
    ExpandMap,
    FlowMessage,
    JudgeNode,
    Overdue,
    PrepareWait,
    Reopen,
    TimerFired,
    decode_message,
)
from dagger_actors.core.messages import (
    AttemptEnded,
    ErrorDetail,
    Failed,
    Progressed,
    Succeeded,
    Suspended,
    encode,
    is_end,
)
from dagger_actors.core.protocols import Now
from dagger_actors.core.retry import AttemptError, names_of
from dagger_actors.errors import ActionError, StoreError, WorkRejected
from dagger_actors.flow.draft import CacheOrigin, Draft
from dagger_actors.flow.emitter import Emitter
from dagger_actors.flow.handover import Opening, Services
from dagger_actors.flow.machine.commands import needs_hold
from dagger_actors.flow.machine.decisions import Await, Finish, Grant, Release, Revive, StopBody
from dagger_actors.flow.machine.events import (
    Answer,
    Cancelled,
    Detached,
    Ended,
    Event,
    Expanded,
    ExpansionFailed,
    Flushed,
    Judged,
    Ordered,
    Prepared,
    Rested,
    RetryDue,
    Started,
    Stuck,
    TimedOut,
    TimeUp,
    WaitOver,
    Woken,
)
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.machine.orders import CancelVertex, Order, Pause, Resume
from dagger_actors.flow.rejected_work import as_failed, failed_with
from dagger_actors.flow.uncommitted import Uncommitted

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
        on_crash: Told when the run must be rebuilt: the reason, and the completions to apply again.
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
        self._opening: Opening | None = None
        self._uncommitted = Uncommitted(services, emitter, self.tell)
        self._draft = Draft()
        self._stash: list[Envelope[Any]] = []
        self._flush_armed = False
        self._is_over = False
        self._waiting_idle: list[Any] = []

    # --- turns

    def receive_batch(self, envelopes: list[Envelope[Any]]) -> None:
        """Take all that is queued and leave one draft."""
        now = self._services.clock.now()
        for at, envelope in enumerate(envelopes):
            if isinstance(envelope.message, Opening):
                self._open(envelope.message)
            elif self._opening is None:
                self._stash.append(envelope)
            else:
                if not at % TURN:
                    self._hand_over()
                    now = self._services.clock.now()
                    self._note_started(now)
                self._receive(envelope.message, envelope, now)
        self._hand_over()
        if self._waiting_idle:
            self._tell_idle()
        if self._opening is not None and self._machine.has_plenty():
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
        drafts = [*self._uncommitted.take_back(), self._draft]
        self._draft, self._opening = Draft(), None
        for draft in drafts:
            # Their ends will be told again, and the record in the slot file is freed only with the commit of that.
            for actor in draft.ended:
                ticket = actor.ticket
                self._emitter.actors[ticket.node, ticket.item, ticket.attempt] = actor
        told = [message for draft in drafts for message in draft.messages] + messages
        if isinstance(error, WorkRejected):
            told = [self._retold(payload, error) for payload in told]
        replies = [reply for draft in drafts for reply in draft.replies]
        for reply in replies:
            reply.set_exception((type(error), error, None))
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
        self._opening = opening
        self._uncommitted.begin_anew()
        self._flush_armed = self._is_over = False
        run_key = opening.machine.work.identity.run_key
        if opening.unskip:
            self._draft.unskip(run_key)
        self._draft.forget_earlier(run_key, opening.redone)
        now = self._services.clock.now()
        self._apply(opening.opened, now)
        for payload in opening.ends:
            self._receive(payload, None, now)
        while self._stash:
            self._receive(self._stash[0].message, self._stash.pop(0), now)

    def _note_started(self, now: Now) -> None:
        started = self._gate.take_started()
        if started:
            facts = tuple((ticket.node, ticket.item, ticket.attempt, ticket.started_us) for ticket in started)
            self._apply(Started(facts), now)

    # --- messages

    def _receive(self, data: bytes, envelope: Envelope[Any] | None, now: Now) -> None:
        message: FlowMessage = decode_message(data)
        match message:
            case AttemptEnded():
                self._attempt_ended(message, data, now)
            case TimerFired():
                self._timer_fired(message, now)
            case ExpandMap(node=node):
                self._expand(node, now)
            case JudgeNode(node=node):
                self._judge(node, now)
            case PrepareWait(node=node, item=item):
                self._prepare_wait(node, item, data, now)
            case Answered():
                self._answered(message, now)
            case Overdue():
                self._overdue(message, now)
            case ChildRests():
                self._apply(Rested(message.node, message.item, message.attempt, message.until), now)
            case ChildWakes():
                self._apply(Woken(message.node, message.item, message.attempt), now)
            case Progressed():
                self._emitter.progress(message)
            case CancelRun(command_id=command_id):
                self._cancel(command_id, envelope, now)
            case ControlRun():
                self._control(message, envelope, now)
            case Detach(now=is_now):
                self._detach(envelope, now, is_now=is_now)
            case Reopen(reason=reason):
                self._break(self._uncommitted.refused or RuntimeError(reason), [])
            case _:
                assert_never(message)

    @property
    def _machine(self) -> FlowMachine:
        assert self._opening is not None
        return self._opening.machine

    def _attempt_ended(self, message: AttemptEnded, data: bytes, now: Now) -> None:
        key = (message.node, message.item, message.attempt)
        outcome = message.outcome
        assert not isinstance(outcome, Suspended), "no context of a flow may suspend its body"
        retry_after_us = self._retry_after(*key, outcome.error) if isinstance(outcome, Failed) else None
        is_first = self._machine.is_running(*key)
        orders: tuple[Order, ...] = ()
        if isinstance(outcome, Succeeded) and is_first:
            outcome, orders = self._orders(message.node, outcome, now)
        event = Ended(*key, message.started_us, message.finished_us, outcome, retry_after_us, orders)
        if isinstance(outcome, Succeeded) and is_first and self._machine.may_gather_failures(*key[:2]):
            self._apply_held(event, now)
        else:
            self._apply(event, now)
        draft = self._draft
        actor = self._emitter.end_attempt(key)  # not earlier: if the machine crashes, the attempt is still to be ended
        if actor is not None:
            draft.ended.append(actor)
            draft.is_dirty = True
        if is_first:
            if actor is not None:
                draft.add_log((message.run_key, *key), actor.captured())
            draft.messages.append(data)
            if isinstance(outcome, Succeeded):
                turn, place = outcome.turn, (message.run_key, *key)
                if turn.artifacts or turn.statements or turn.values or turn.published or turn.shared:
                    draft.add_turn(place, turn, now.wall_us)
                if turn.cache is not None:
                    draft.add_cache_use(turn.cache, self._origin(place), outcome.output, message.finished_us)

    def _orders(self, node: int, outcome: Succeeded, now: Now) -> tuple[Succeeded | Failed, tuple[Order, ...]]:
        """What an attempt that has succeeded tells the run to do; it has failed if the run cannot."""
        assert self._opening is not None
        try:
            orders = self._opening.orders.read(node, outcome)
        except (ActionError, StoreError) as error:
            self._gate.hold()  # as for any other failure
            return failed_with(error), ()
        if orders and any(needs_hold(order) for order in orders):
            self._gate.hold()
            self._note_started(now)
        return outcome, orders

    def _answered(self, message: Answered, now: Now) -> None:
        """What an attempt awaits has come; if this is not committed, it is looked for again, so nobody need tell it again."""
        key = (message.node, message.item, message.attempt)
        if not self._machine.is_awaiting(*key):
            return
        event = Answer(*key, message.outcome)
        if isinstance(message.outcome, Failed) or self._machine.may_gather_failures(*key[:2]):
            self._apply_held(event, now)
        else:
            self._apply(event, now)
        self._emitter.end_wait(key)
        place = (self._machine.work.identity.run_key, *key)
        self._draft.add_answer(place, message.source, now.wall_us)
        if isinstance(message.outcome, Succeeded):
            self._draft.add_turn(place, message.outcome.turn, now.wall_us)

    def _overdue(self, message: Overdue, now: Now) -> None:
        key = (message.node, message.item, message.attempt)
        is_asked = self._machine.work.nodes[message.node].awaits_people and self._machine.is_awaiting(*key)
        self._apply_held(WaitOver(*key), now)
        if is_asked and not self._machine.is_awaiting(*key):
            self._draft.add_lapse((self._machine.work.identity.run_key, *key), now.wall_us)

    def _prepare_wait(self, node: int, item: int, data: bytes, now: Now) -> None:
        assert self._opening is not None
        starter = self._opening.starter
        if starter.lacks_run_key(node):
            self._services.reserve_run_keys(lambda _first, _error: self.tell(data))
            return
        wanted = starter.wanted(node, item)
        self._apply_found(Prepared(node, wanted, item), wanted, now)

    def _origin(self, place: tuple[int, int, int, int]) -> CacheOrigin:
        work = self._machine.work
        _, node, item, _ = place
        return CacheOrigin(
            place=place,
            flow_name=work.definition.name,
            run_id=work.identity.run_id,
            node_id=work.nodes[node].id,
            invocation_key=work.key_of(node, item),
        )

    def _retry_after(self, node: int, item: int, attempt: int, error: ErrorDetail) -> int | None:
        """Ask the node's policy through tenacity; the answer goes into the event, so the machine stays pure."""
        policy = self._machine.work.nodes[node].retry
        delay_s = policy.decide(self._machine.try_no(node, item, attempt), AttemptError(error.message, error.names))
        return None if delay_s is None else round(delay_s * 1_000_000)

    def _timer_fired(self, timer: TimerFired, now: Now) -> None:
        match timer.kind:
            case "flush":
                self._flush_armed = False
                self._apply(Flushed(), now)
            case "attempt":
                self._attempt_timed_out(timer, now)
            case "retry":
                self._apply(RetryDue(timer.node, timer.item, timer.attempt), now)
            case "await":
                self._last_look(timer)
            case "stuck":
                self._apply_held(Stuck(timer.node, timer.item, timer.attempt), now)
            case "run":
                self._gate.hold()
                self._note_started(now)
                self._apply(TimeUp(), now)
            case kind:
                raise AssertionError(f"no timer of ours is called {kind!r}")

    def _last_look(self, timer: TimerFired) -> None:
        key = (timer.node, timer.item, timer.attempt)
        if not self._machine.is_awaiting(*key):
            return
        awaits = self._machine.work.nodes[timer.node].awaits
        if awaits is None:
            self._emitter.last_look_at_child(key)
        else:
            self._services.outside[awaits.kind].last_look((self._machine.work.identity.run_key, *key))

    def _attempt_timed_out(self, timer: TimerFired, now: Now) -> None:
        actor = self._emitter.actors.get((timer.node, timer.item, timer.attempt))
        self._gate.hold()
        # The gate alone knows whether the body has ended: then its message is on its way, and the attempt is not late.
        if actor is None or not self._gate.abandon(actor.ticket):
            self._gate.release()
            return
        self._note_started(now)
        error = ErrorDetail("builtins.TimeoutError", "timed out", names_of(TimeoutError))
        retry = self._retry_after(timer.node, timer.item, timer.attempt, error)
        self._apply(TimedOut(node=timer.node, item=timer.item, attempt=timer.attempt, retry_after_us=retry), now)

    def _expand(self, node: int, now: Now) -> None:
        assert self._opening is not None
        found = self._opening.starter.expand(node)
        event = ExpansionFailed(node, found) if isinstance(found, ErrorDetail) else Expanded(node, *found)
        self._apply_found(event, found, now)

    def _judge(self, node: int, now: Now) -> None:
        assert self._opening is not None
        verdict = self._opening.starter.judge(node)
        self._apply_found(Judged(node, verdict), verdict, now)

    def _cancel(self, command_id: int, envelope: Envelope[Any] | None, now: Now) -> None:
        self._gate.hold()
        self._note_started(now)
        is_late = self._is_over
        self._apply(Cancelled(), now)
        if command_id and not is_late:
            self._draft.consume(command_id)
        self._answer_after_commit(envelope)

    def _control(self, message: ControlRun, envelope: Envelope[Any] | None, now: Now) -> None:
        is_late = self._is_over
        if not is_late:
            self._gate.hold()
            self._note_started(now)
            self._apply(Ordered(_order(message)), now)
            if message.command_id:
                self._draft.consume(message.command_id)
        self._answer_after_commit(envelope)

    def _detach(self, envelope: Envelope[Any] | None, now: Now, *, is_now: bool) -> None:
        self._gate.hold()
        if is_now:
            self._note_started(now)
            self._apply(Detached(), now)
            self._answer_after_commit(envelope)
        elif envelope is not None and envelope.reply_to is not None:
            self._waiting_idle.append(envelope.reply_to)

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

    def _answer_after_commit(self, envelope: Envelope[Any] | None) -> None:
        if envelope is not None and envelope.reply_to is not None:
            self._draft.replies.append(envelope.reply_to)
            self._draft.is_dirty = True

    # --- deciding

    def _apply(self, event: Event, now: Now) -> None:
        if self._is_over:
            # The unit that ends the run gives its row away: what comes later is not ours to decide, nor to write.
            return
        opening = self._opening
        assert opening is not None
        decision = opening.machine.apply(event, now)
        draft = self._draft
        draft.add(decision)
        for added in decision.added:
            draft.add_flow(added, now.wall_us)
        for effect in decision.effects:
            if type(effect) is Grant:
                actor = opening.starter.prepare(effect, self._gate, self.tell)
                self._emitter.actors[effect.node, effect.item, effect.attempt] = actor
                draft.effects.append(actor.ticket)
                continue
            if type(effect) is StopBody:
                key = (effect.node, effect.item, effect.attempt)
                if (stopped := self._emitter.actors.get(key)) is not None:
                    draft.add_log((opening.machine.work.identity.run_key, *key), stopped.captured())
            elif type(effect) is Await:
                draft.add_wait(opening.machine.work.identity, effect, now.wall_us)
            elif type(effect) is Revive:
                draft.add_revival(opening.machine.work, effect)
                continue
            elif type(effect) is Finish:
                self._is_over = draft.is_last = True
                draft.until = effect.until
            draft.effects.append(effect)

    def _apply_held(self, event: Event, now: Now) -> None:
        """Apply what may stop the run, or pause it: nothing passes the gate between what was seen and what is decided."""
        self._gate.hold()
        self._note_started(now)
        self._apply(event, now)
        if not self._is_over:
            self._draft.effects.append(Release())
            self._draft.is_dirty = True

    def _apply_found(self, event: Event, found: object, now: Now) -> None:
        """Apply what has been found out of a node; where that is an error, the node has failed."""
        if isinstance(found, ErrorDetail):
            self._apply_held(event, now)
        else:
            self._apply(event, now)

    def tell(self, message: bytes) -> None:
        """Put an encoded message into this supervisor's own mailbox; any thread."""
        self.actor_inbox.put(Envelope(message))

    def _hand_over(self) -> None:
        """Let the journal have what this turn decided; from here on it is no longer this thread's."""
        draft = self._draft
        if not draft.is_dirty or self._opening is None:
            return
        draft.run_row = self._machine.run_row(self._services.clock.now())
        draft.until = self._machine.rests_until if draft.until is None else draft.until
        draft.is_late = self._is_over and not draft.is_last
        self._draft = Draft()
        self._uncommitted.hand_over(draft)

    def on_started(self) -> None:
        """The gate let something through: it is written down a little later, if it still runs then."""
        if not self._flush_armed:
            self._flush_armed = True
            due = self._services.clock.now().mono_us + FLUSH_US
            self._services.timers.set((id(self), "flush"), due, self._flush)

    def _flush(self) -> None:
        self.tell(encode(TimerFired("flush")))


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
