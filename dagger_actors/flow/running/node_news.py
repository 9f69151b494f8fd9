"""What bodies, timers and the world tell of the nodes of a run, as its machine is told it.

The machine is pure. So whatever it cannot know is found out here, and goes into the event: what the node's policy says of one
more try, what an attempt orders, whether its body has ended, what is to be awaited. The rows that go with the event follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from dagger_actors.actors.gate import Gate
from dagger_actors.core.flow_messages import (
    Answered,
    ChildRests,
    ChildWakes,
    ExpandMap,
    JudgeNode,
    Overdue,
    PrepareWait,
    TimerFired,
)
from dagger_actors.core.messages import AttemptEnded, ErrorDetail, Failed, Progressed, Succeeded, Suspended
from dagger_actors.core.protocols import Now
from dagger_actors.core.retry import AttemptError, names_of
from dagger_actors.errors import ActionError, StoreError
from dagger_actors.flow.machine.commands import needs_hold
from dagger_actors.flow.machine.events import (
    Answer,
    Ended,
    Expanded,
    ExpansionFailed,
    Judged,
    Prepared,
    Rested,
    RetryDue,
    Stuck,
    TimedOut,
    WaitOver,
    Woken,
)
from dagger_actors.flow.machine.orders import Order
from dagger_actors.flow.running.deciding import Deciding
from dagger_actors.flow.running.draft import CacheOrigin
from dagger_actors.flow.running.emitter import Emitter
from dagger_actors.flow.running.handover import Opening, Services
from dagger_actors.flow.running.rejected_work import failed_with

__all__ = ["NodeMessage", "NodeNews"]

NodeMessage = (
    AttemptEnded
    | Progressed
    | TimerFired
    | ExpandMap
    | JudgeNode
    | PrepareWait
    | Answered
    | Overdue
    | ChildRests
    | ChildWakes
)


class NodeNews:
    """Turns messages about nodes into events; for the supervisor's thread.

    Args:
        services: What all supervisors share.
        opening: What reads orders and finds out what nodes are to do.
        deciding: Applies the events.
        gate: Where attempts start.
        emitter: Knows the bodies, and what is awaited.
        tell: Puts an encoded message into the supervisor's mailbox; any thread.
    """

    def __init__(
        self,
        services: Services,
        opening: Opening,
        deciding: Deciding,
        *,
        gate: Gate,
        emitter: Emitter,
        tell: Callable[[bytes], None],
    ) -> None:
        self._services = services
        self._starter = opening.starter
        self._order_reader = opening.orders
        self._deciding = deciding
        self._machine = deciding.machine
        self._gate = gate
        self._emitter = emitter
        self._tell = tell
        self._found = frozenset(opening.ends)
        """What the opening tells again: for a failure of a dead process, whose body has no ticket here, the gate is held too."""

    def receive(self, message: NodeMessage, data: bytes, now: Now) -> None:
        """Have the machine told.

        Args:
            message: What is told.
            data: The same, encoded.
            now: The time.
        """
        match message:
            case AttemptEnded():
                self._attempt_ended(message, data, now)
            case TimerFired():
                self._timer_fired(message, now)
            case ExpandMap(node=node):
                self._expand(node, now)
            case JudgeNode(node=node):
                verdict = self._starter.judge(node)
                self._deciding.apply_found(Judged(node, verdict), verdict, now)
            case PrepareWait(node=node, item=item):
                self._prepare_wait(node, item, data, now)
            case Answered():
                self._answered(message, now)
            case Overdue():
                self._overdue(message, now)
            case ChildRests():
                self._deciding.apply(Rested(message.node, message.item, message.attempt, message.until), now)
            case ChildWakes():
                self._deciding.apply(Woken(message.node, message.item, message.attempt), now)
            case Progressed():
                self._emitter.progress(message)
            case _:
                assert_never(message)

    def _attempt_ended(self, message: AttemptEnded, data: bytes, now: Now) -> None:
        key = (message.node, message.item, message.attempt)
        outcome = message.outcome
        assert not isinstance(outcome, Suspended), "no context of a flow may suspend its body"
        retry_after_us = self._retry_after(*key, outcome.error) if isinstance(outcome, Failed) else None
        is_first = self._machine.is_running(*key)
        orders: tuple[Order, ...] = ()
        if isinstance(outcome, Succeeded) and is_first:
            outcome, orders = self._orders(message.node, outcome, now)
        actor = self._emitter.actors.get(key)
        is_found_failed = isinstance(outcome, Failed) and data in self._found
        holds_gate = is_found_failed if actor is None else actor.ticket.has_failed
        event = Ended(*key, message.started_us, message.finished_us, outcome, retry_after_us, orders, holds_gate)
        if isinstance(outcome, Succeeded) and is_first and self._machine.may_gather_failures(*key[:2]):
            self._deciding.apply_held(event, now)
        else:
            self._deciding.apply(event, now)
        draft = self._deciding.draft
        self._emitter.end_attempt(key)  # not earlier: if the machine crashes, the attempt is still to be ended
        if actor is not None:
            draft.ended.append(actor)
            draft.is_dirty = True
        if is_first or (actor is not None and actor.ticket.state == "ended"):
            draft.messages.append(data)  # of what was stopped too: that may not have been committed, and be taken back
        if is_first:
            if actor is not None:
                draft.add_log((message.run_key, *key), actor.captured())
            if isinstance(outcome, Succeeded):
                turn, place = outcome.turn, (message.run_key, *key)
                if turn.artifacts or turn.statements or turn.values or turn.published or turn.shared:
                    draft.add_turn(place, turn, now.wall_us)
                if turn.cache is not None:
                    draft.add_cache_use(turn.cache, self._origin(place), outcome.output, message.finished_us)

    def _orders(self, node: int, outcome: Succeeded, now: Now) -> tuple[Succeeded | Failed, tuple[Order, ...]]:
        """What an attempt that has succeeded tells the run to do; it has failed if the run cannot."""
        try:
            orders = self._order_reader.read(node, outcome)
        except (ActionError, StoreError) as error:
            self._gate.hold()  # as for any other failure
            return failed_with(error), ()
        if orders and any(needs_hold(order) for order in orders):
            self._deciding.hold(now)
        return outcome, orders

    def _answered(self, message: Answered, now: Now) -> None:
        """What an attempt awaits has come; if this is not committed, it is looked for again, so nobody need tell it again."""
        key = (message.node, message.item, message.attempt)
        if not self._machine.is_awaiting(*key):
            return
        event = Answer(*key, message.outcome)
        if isinstance(message.outcome, Failed) or self._machine.may_gather_failures(*key[:2]):
            self._deciding.apply_held(event, now)
        else:
            self._deciding.apply(event, now)
        if self._machine.is_awaiting(*key):
            return  # the run has come to rest meanwhile: whoever opens it next takes the answer, which is still untaken
        self._emitter.end_wait(key)
        place = (self._machine.work.identity.run_key, *key)
        self._deciding.draft.add_answer(place, message.source, now.wall_us)
        if isinstance(message.outcome, Succeeded):
            self._deciding.draft.add_turn(place, message.outcome.turn, now.wall_us)

    def _overdue(self, message: Overdue, now: Now) -> None:
        key = (message.node, message.item, message.attempt)
        is_asked = self._machine.work.nodes[message.node].awaits_people and self._machine.is_awaiting(*key)
        self._deciding.apply_held(WaitOver(*key), now)
        if is_asked and not self._machine.is_awaiting(*key):
            self._deciding.draft.add_lapse((self._machine.work.identity.run_key, *key), now.wall_us)

    def _prepare_wait(self, node: int, item: int, data: bytes, now: Now) -> None:
        starter = self._starter
        if starter.lacks_run_key(node):
            self._services.reserve_run_keys(lambda _first, _error: self._tell(data))
            return
        wanted = starter.wanted(node, item)
        self._deciding.apply_found(Prepared(node, wanted, item), wanted, now)

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
            case "attempt":
                self._attempt_timed_out(timer, now)
            case "retry":
                self._deciding.apply(RetryDue(timer.node, timer.item, timer.attempt), now)
            case "await":
                self._last_look(timer)
            case "stuck":
                self._deciding.apply_held(Stuck(timer.node, timer.item, timer.attempt), now)
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
        self._deciding.note_started(now)
        error = ErrorDetail("builtins.TimeoutError", "timed out", names_of(TimeoutError))
        retry = self._retry_after(timer.node, timer.item, timer.attempt, error)
        self._deciding.apply(
            TimedOut(node=timer.node, item=timer.item, attempt=timer.attempt, retry_after_us=retry), now
        )

    def _expand(self, node: int, now: Now) -> None:
        found = self._starter.expand(node)
        event = ExpansionFailed(node, found) if isinstance(found, ErrorDetail) else Expanded(node, *found)
        self._deciding.apply_found(event, found, now)
