"""What one machine decides between an opening of its run and the next: events go in, what follows gathers in a draft.

The draft is all that leaves: rows and effects of many events are handed over together, and are seen when they are committed.
So a machine that has crashed is thrown away with its draft, and nobody has to take anything back.
"""

from __future__ import annotations

from collections.abc import Callable

from dagger_actors.actors.gate import Gate
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.protocols import Now
from dagger_actors.flow.machine.decisions import Await, Finish, Grant, Release, Revive, StopBody
from dagger_actors.flow.machine.events import Event, Started
from dagger_actors.flow.running.draft import Draft
from dagger_actors.flow.running.emitter import Emitter
from dagger_actors.flow.running.handover import Opening

__all__ = ["Deciding"]


class Deciding:
    """Applies events to the machine of a run; for its supervisor's thread.

    Args:
        opening: The machine, and what makes the bodies of its grants.
        gate: Where these start.
        emitter: Knows the bodies.
        tell: Puts an encoded message into the supervisor's mailbox; any thread.

    Attributes:
        machine: The run's.
        draft: What has been decided and not handed over.
        is_over: Whether the run has come to rest by what was decided: nothing that comes later is ours to decide.
    """

    def __init__(self, opening: Opening, gate: Gate, emitter: Emitter, tell: Callable[[bytes], None]) -> None:
        self._starter = opening.starter
        self._gate = gate
        self._emitter = emitter
        self._tell = tell
        self.machine = opening.machine
        self.draft = Draft()
        self.is_over = False
        run_key = opening.machine.work.identity.run_key
        if opening.unskip:
            self.draft.unskip(run_key, opening.redone)
        self.draft.forget_earlier(run_key, opening.redone)

    def apply(self, event: Event, now: Now) -> None:
        """Tell the machine of something; once the run is over, nothing comes of it."""
        if self.is_over:
            # The unit that ends the run gives its row away: what comes later is not ours to decide, nor to write.
            return
        decision = self.machine.apply(event, now)
        draft = self.draft
        draft.add(decision)
        for added in decision.added:
            draft.add_flow(added, now.wall_us)
        for effect in decision.effects:
            if type(effect) is Grant:
                actor = self._starter.prepare(effect, self._gate, self._tell)
                self._emitter.actors[effect.node, effect.item, effect.attempt] = actor
                draft.effects.append(actor.ticket)
                continue
            if type(effect) is StopBody:
                key = (effect.node, effect.item, effect.attempt)
                if (stopped := self._emitter.actors.get(key)) is not None:
                    draft.add_log((self.machine.work.identity.run_key, *key), stopped.captured())
            elif type(effect) is Await:
                draft.add_wait(self.machine.work.identity, effect, now.wall_us)
            elif type(effect) is Revive:
                draft.add_revival(self.machine.work, effect)
                continue
            elif type(effect) is Finish:
                self.is_over = draft.is_last = True
                draft.until = effect.until
            draft.effects.append(effect)

    def apply_held(self, event: Event, now: Now) -> None:
        """Apply what may stop the run, or pause it: nothing passes the gate between what was seen and what is decided."""
        self.hold(now)
        self.apply(event, now)
        if not self.is_over:
            self.draft.effects.append(Release())
            self.draft.is_dirty = True

    def apply_found(self, event: Event, found: object, now: Now) -> None:
        """Apply what has been found out of a node; where that is an error, the node has failed."""
        if isinstance(found, ErrorDetail):
            self.apply_held(event, now)
        else:
            self.apply(event, now)

    def hold(self, now: Now) -> None:
        """Let nothing more pass the gate, and hear of all that has; what is decided next lets go of it."""
        self._gate.hold()
        self.note_started(now)

    def note_started(self, now: Now) -> None:
        """Hear of what has passed the gate."""
        started = self._gate.take_started()
        if started:
            facts = tuple((ticket.node, ticket.item, ticket.attempt, ticket.started_us) for ticket in started)
            self.apply(Started(facts), now)

    def take_draft(self, now: Callable[[], Now]) -> Draft | None:
        """Give what has been decided, and begin anew; None = nothing has.

        Args:
            now: Tells the time, of which the run's row wants to know.
        """
        draft = self.draft
        if not draft.is_dirty:
            return None
        draft.run_row = self.machine.run_row(now())
        draft.until = self.machine.rests_until if draft.until is None else draft.until
        draft.is_late = self.is_over and not draft.is_last
        self.draft = Draft()
        return draft
