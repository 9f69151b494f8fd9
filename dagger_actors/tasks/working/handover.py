"""What a task supervisor is handed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dagger_actors.actors.gate import Gate
from dagger_actors.bodies.body import BodyActor
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.core.protocols import Clock, Journal, Timers
from dagger_actors.tasks.agents.registry import TaskAgents
from dagger_actors.tasks.machine.events import Grant, TaskRef
from dagger_actors.tasks.working.shift import ShiftBody
from dagger_actors.tasks.working.tally import TaskTally

__all__ = ["Services"]


class Services:
    """What the supervisor is made with.

    Args:
        clock: The time.
        timers: One-shot timers.
        journal: The writer.
        agents: Those of this worker.
        prepare: Makes the body of a granted attempt.
        prepare_shift: Makes the body of several.
        gate_of: Where the bodies of an agent start.
        tally: Counts the ends of attempts here.
        unbegun: Tells what has a place here and has not begun: ids and epochs.
        told: Told of tasks whose attempts have ended here, after the commit: ids and states.
        appended: Told of messages that their bodies have published, after the commit, with what became of each.
        due: Told when one of them is due again, wall microseconds.
        breathe: Lets others work for a moment.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timers: Timers,
        journal: Journal,
        agents: TaskAgents,
        prepare: Callable[[Grant, Callable[[bytes], None], Callable[[BodyActor], None]], BodyActor],
        prepare_shift: Callable[[Sequence[Grant], Callable[[object], None]], ShiftBody],
        gate_of: Callable[[str], Gate],
        tally: TaskTally,
        unbegun: Callable[[], frozenset[TaskRef]],
        told: Callable[[Sequence[tuple[int, str]]], None],
        appended: Callable[[Sequence[NewMessage], Sequence[Appended]], None],
        due: Callable[[int], None],
        breathe: Callable[[], None],
    ) -> None:
        self.clock = clock
        self.timers = timers
        self.journal = journal
        self.agents = agents
        self.prepare = prepare
        self.prepare_shift = prepare_shift
        self.gate_of = gate_of
        self.tally = tally
        self.unbegun = unbegun
        self.told = told
        self.appended = appended
        self.due = due
        self.breathe = breathe
