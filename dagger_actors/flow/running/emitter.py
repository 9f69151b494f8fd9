"""Lets the effects of a run out, after the commit that records their cause; runs on the journal's thread, never blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import Final, assert_never, cast

from dagger_actors.actors.gate import Gate
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.actors.ticket import Ticket
from dagger_actors.bodies.arrivals import Arrivals
from dagger_actors.bodies.body import BodyActor
from dagger_actors.core.awaits import Kind, Outside, Place
from dagger_actors.core.flow_messages import ExpandMap, JudgeNode, PrepareWait, TimerFired
from dagger_actors.core.messages import Progressed, encode
from dagger_actors.core.protocols import Clock, Timers
from dagger_actors.flow.machine.decisions import (
    ArmTimer,
    Await,
    Drain,
    Effect,
    Expand,
    Finish,
    Grant,
    Judge,
    Leave,
    PassOn,
    Prepare,
    Release,
    Revive,
    StopBody,
)
from dagger_actors.flow.machine.events import BodyKey
from dagger_actors.flow.machine.invocations import Invocations
from dagger_actors.flow.machine.orders import Emit
from dagger_actors.flow.running.awaited import Awaited
from dagger_actors.flow.running.children import Children
from dagger_actors.flow.running.draft import Draft
from dagger_actors.flow.running.observers import Observers
from dagger_actors.flow.running.run_events import Observer
from dagger_actors.flow.stored.child_runs import child_id

__all__ = ["Emitter"]

QUESTIONS: Final[Mapping[type, type[ExpandMap | JudgeNode]]] = {
    Expand: ExpandMap,
    Judge: JudgeNode,
}
"""What the supervisor is asked of the outputs that are committed now."""


class Emitter:
    """The way out of one run's supervisor.

    Args:
        run_key: The run.
        run_id: Its id.
        gate: Where its attempts start.
        clock: The time.
        timers: One-shot timers.
        outside: Bring what nodes await, by its kind.
        children: Keeps the runs of flows that nodes await.
        followers: Woken when there is more to be read of the run.
        observers: Told what changed.
        at_rest: Told, once, the state the run came to rest in.

    Attributes:
        opened: Resolved when what the opening decided is committed; with an error when the run was lost before.
        reach: So many of the run's nodes are in the file: an attempt that adds some sees no others, which may come to nothing.
    """

    def __init__(
        self,
        *,
        run_key: int,
        run_id: str,
        gate: Gate,
        clock: Clock,
        timers: Timers,
        outside: Mapping[Kind, Outside],
        children: Children,
        followers: Arrivals,
        observers: tuple[Observer, ...],
        at_rest: Callable[[str], None],
    ) -> None:
        self._run_key = run_key
        self._run_id = run_id
        self._gate = gate
        self._clock = clock
        self._timers = timers
        self._outside = outside
        self._children = children
        self._followers = followers
        self._observers = Observers(run_id, observers)
        self._at_rest = at_rest
        self._armed: set[tuple[object, ...]] = set()
        self.opened: ReplyFuture[None] = ReplyFuture()
        self.tell: Callable[[bytes], None] = lambda _message: None
        self.actors: dict[tuple[int, int, int], BodyActor] = {}
        """Attempts that have been granted and not ended, by (node, item, attempt)."""
        self.work: Invocations | None = None
        self.reach = 0

    # --- called by the supervisor's turns

    def begin(self, work: Invocations) -> None:
        """The run has been read from the file."""
        self.work = work
        self.reach = len(work.nodes)

    def end_attempt(self, key: tuple[int, int, int]) -> None:
        """An attempt's body has ended: forget it, and its time-out."""
        actor = self.actors.pop(key, None)
        if actor is not None and actor.timeout_us is not None:
            self._drop(("attempt", *key))

    def end_wait(self, key: tuple[int, int, int]) -> None:
        """What an attempt awaited has come: forget its time-out."""
        self._drop(("await", *key))

    def node_id(self, node: int) -> str:
        """The id of a node; its position while the run is being opened."""
        return self.work.nodes[node].id if self.work is not None else str(node)

    def progress(self, message: Progressed) -> None:
        """Tell the watchers; nothing of it is stored."""
        if self._observers.are_any and self.work is not None:
            self._observers.progress(message, self.work)

    # --- called by the journal after a commit

    def let_out(self, draft: Draft) -> None:
        """Let everything of a committed draft out, in order."""
        self.reach = max(self.reach, draft.reach)
        finished = next((effect.state for effect in draft.effects if type(effect) is Finish), None)
        try:
            self._let_effects_out(draft)
        finally:
            # Whatever went wrong: the file says that the run is at rest, and that what was asked for is done.
            if finished is not None:
                self._finish(finished)
            self._answer(draft, finished)

    def _let_effects_out(self, draft: Draft) -> None:
        for kind, effects in groupby(draft.effects, type):
            if kind is Ticket:
                self._gate.offer(cast("list[Ticket]", list(effects)))
            elif kind is Await:
                self._begin_waits(cast("Iterable[Await]", effects))
            else:
                for effect in effects:
                    self._let_effect_out(effect)
        if draft.ended:
            self._gate.forget(*[actor.ticket for actor in draft.ended])
        self._followers.told((self._run_id,))
        if self._observers.are_any:
            self._observers.changed(draft, self.work)

    def _let_effect_out(self, effect: Effect | Ticket) -> None:
        match effect:
            case Release():
                self._gate.release()
            case Drain():
                self._gate.drain()
            case ArmTimer():
                timer = TimerFired(effect.kind, effect.node, effect.item, effect.attempt)
                self._arm(timer, effect.delay_us)
            case StopBody(node=node, item=item, attempt=attempt):
                self._stop_body((node, item, attempt))
            case Prepare(node=node, item=item):
                self.tell(encode(PrepareWait(node, item)))
            case Expand() | Judge():
                self.tell(encode(QUESTIONS[type(effect)](effect.node)))
            case PassOn() | Leave():
                self._tell_child(effect)
            case Emit() | Finish():
                pass  # told with the changes; comes last
            case Grant() | Ticket() | Revive() | Await():
                raise AssertionError(
                    "grants have become tickets, those and waits go out together, and revivals are rows"
                )
            case _:
                assert_never(effect)

    def _begin_waits(self, effects: Iterable[Await]) -> None:
        """Look for what attempts await, of each kind all at once: a run may ask 10,000 people."""
        assert self.work is not None
        places: dict[Kind, list[Place]] = {}
        for one in effects:
            if self.work.nodes[one.node].flow is None:
                places.setdefault(one.kind, []).append((self._run_key, one.node, one.item, one.attempt))
            else:
                self._children.begin(self._child((one.node, one.item, one.attempt)), is_held=one.is_held)
        for kind, some in places.items():
            self._outside[kind].begin(some, self.tell)

    def _tell_child(self, effect: PassOn | Leave) -> None:
        assert self.work is not None
        child = self._child((effect.node, effect.item, effect.attempt))
        if isinstance(effect, Leave):
            self._children.leave(child.run_id, self._run_key)
        else:
            self._children.pass_on(child.run_id, effect.verb, self.work.identity)

    def last_look_at_child(self, key: BodyKey) -> None:
        """The time of a run of a flow is up."""
        self._children.last_look(self._child(key))

    def _child(self, key: BodyKey) -> Awaited:
        node, item, _ = key
        work = self.work
        assert work is not None
        name = child_id(self._run_id, work.nodes[node].id, work.key_of(node, item))
        return Awaited(name, self._run_key, key, self.tell)

    def arm_time_out(self, actor: BodyActor) -> None:
        """The gate has let an attempt through whose time is limited."""
        ticket = actor.ticket
        assert actor.timeout_us is not None
        self._arm(TimerFired("attempt", ticket.node, ticket.item, ticket.attempt), actor.timeout_us)

    def _answer(self, draft: Draft, finished: str | None) -> None:
        if not self.opened.is_done():
            self.opened.set(None)
        for reply in draft.replies:
            reply.set_once(finished)

    def _stop_body(self, key: tuple[int, int, int]) -> None:
        actor = self.actors.get(key)
        if actor is None:
            return
        self._gate.abandon(actor.ticket)
        actor.cancel()
        self._gate.forget(actor.ticket)

    def _arm(self, timer: TimerFired, delay_us: int) -> None:
        key = (timer.kind, timer.node, timer.item, timer.attempt)
        self._armed.add(key)
        due = self._clock.now().mono_us + delay_us
        message = encode(timer)

        def fire() -> None:
            self._armed.discard(key)
            self.tell(message)

        self._timers.set((self._run_key, id(self), *key), due, fire)

    def _drop(self, key: tuple[object, ...]) -> None:
        self._armed.discard(key)
        self._timers.cancel((self._run_key, id(self), *key))

    def _finish(self, state: str) -> None:
        for key in list(self._armed):
            self._drop(key)
        for one in self._outside.values():
            one.forget(self._run_key)
        self._children.forget(self._run_key)
        self._at_rest(state)
