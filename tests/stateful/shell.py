"""What performs a supervisor's commands in these tests: it holds the machine to its contract and knows what may happen next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dagger_actors.core.supervision import (
    Answer,
    CancelTimer,
    CloseChild,
    Command,
    Ended,
    Event,
    GaveUp,
    KillChild,
    Ready,
    Restarted,
    Restarting,
    SetTimer,
    StartChild,
    StopChild,
    SupervisionMachine,
    TimerFired,
    TimerKey,
)
from tests.stateful.otp_model import OtpModel, Said

MAIN = ("start", "stop", "kill", "ready", "ended")
"""Commands whose order among each other matters."""

Process = tuple[str, int]
"""A child's id and its incarnation."""


class Shell:
    """The processes, mailboxes, timers and calls of one machine, and the model that goes along.

    Attributes:
        starting: Processes that have not said whether they are up.
        up: Processes that are up.
        told: Those of both that were asked to stop.
        dead: Processes that are gone, killed ones included.
        timers: Set timers and when they are due.
        spent: Timers that were cancelled or have fired.
        calls: Calls that wait.
        end: What the supervisor ended with.
    """

    def __init__(self, machine: SupervisionMachine, model: OtpModel) -> None:
        self.machine = machine
        self.model = model
        self.starting: list[Process] = []
        self.up: list[Process] = []
        self.told: set[Process] = set()
        self.dead: list[Process] = []
        self.timers: dict[TimerKey, int] = {}
        self.spent: dict[TimerKey, None] = {}
        self.mailboxes: set[str] = set()
        self.farewells: set[Process] = set()
        self.calls: set[int] = set()
        self.is_ready = False
        self.end: Ended | None = None
        self.log: list[Command] = []

    def tell(self, event: Event, now: int) -> tuple[Command, ...]:
        """Give an event to the machine and the model, and compare all there is to see of them."""
        self._note(event)
        commands = self.machine.apply(event, now)
        self.log += commands
        for command in commands:
            self._perform(command, now)
        self._compare([said for command in commands for said in as_said(command)], self.model.hear(event, now))
        return commands

    # --- what may happen

    @property
    def alive(self) -> list[Process]:
        return self.starting + self.up

    def due(self) -> list[TimerKey]:
        """Set timers, the next one first."""
        return sorted(self.timers, key=lambda key: (self.timers[key], key.kind, key.id))

    # --- the contract

    def _note(self, event: Any) -> None:
        process = (getattr(event, "id", ""), getattr(event, "incarnation", 0))
        match type(event).__name__:
            case "Started" if process in self.starting:
                self.starting.remove(process)
                self.up.append(process)
            case "StartFailed" | "Exited":
                self._bury(process)
            case "TimerFired":
                self.timers.pop(event.key, None)
                self.spent[event.key] = None
            case "AddChild" | "TerminateChild" | "RestartChild" | "DeleteChild":
                self.calls.add(event.call)

    def _bury(self, process: Process) -> None:
        if process in self.alive:
            (self.starting if process in self.starting else self.up).remove(process)
            self.told.discard(process)
            self.dead.append(process)

    def _perform(self, command: Command, now: int) -> None:
        assert self.end is None or isinstance(command, Answer), "after its end a supervisor only answers"
        match command:
            case StartChild(id=child, incarnation=number):
                assert child not in {one for one, _ in self.alive}, "there is one process for each child"
                assert number > max((n for one, n in self.dead if one == child), default=0), "numbers are used once"
                assert command.is_restart == (child in self.mailboxes)
                self.mailboxes.add(child)
                self.starting.append((child, number))
            case StopChild(id=child, incarnation=number):
                assert (child, number) in self.alive
                assert (child, number) not in self.told, "a child is told to stop once"
                assert command.shutdown_us != 0
                self.told.add((child, number))
                if command.is_final:
                    self.farewells.add((child, number))
            case KillChild(id=child, incarnation=number):
                assert (child, number) in self.alive
                self._bury((child, number))
            case CloseChild(id=child, incarnation=number):
                assert child in self.mailboxes
                assert child not in {one for one, _ in self.alive}, "the mailbox of a process stays"
                self.mailboxes.remove(child)
                self.farewells.discard((child, number))
            case SetTimer(key=key, due_us=due):
                assert key not in self.timers
                assert due >= now
                self.timers[key] = due
            case CancelTimer(key=key):
                del self.timers[key]
                self.spent[key] = None
            case Answer(call=call):
                self.calls.remove(call)
            case Ready():
                assert not self.is_ready
                self.is_ready = True
            case Ended():
                assert not (self.alive or self.timers or self.mailboxes or self.calls or self.farewells)
                self.end = command
            case Restarting() | Restarted() | GaveUp():
                pass

    def _compare(self, ours: list[Said], theirs: list[Said]) -> None:
        assert sorted(ours, key=repr) == sorted(theirs, key=repr)
        assert [said for said in ours if said[0] in MAIN] == [said for said in theirs if said[0] in MAIN]
        for child in {said[1] for said in ours if said[0] in ("start", "stop", "kill", "close")}:
            assert about(child, ours) == about(child, theirs)
        shown = self.machine.which_children()
        assert [(view.id, view.status, view.incarnation) for view in shown] == self.model.picture()
        counts = self.machine.count_children()
        assert (counts.specs, counts.active, counts.restarting) == self.model.counts()
        assert {(key.kind, key.id, key.incarnation): due for key, due in self.timers.items()} == self.model.alarms
        assert self.machine.state == self.model.phase
        running = {view.id for view in shown if view.status in ("starting", "running", "stopping") and view.incarnation}
        assert running == {child for child, _ in self.alive}


def about(child: str, said: Iterable[Said]) -> list[Said]:
    """What was said of one child's process and mailbox, in order."""
    return [one for one in said if one[0] in ("start", "stop", "kill", "close") and one[1] == child]


def as_said(command: Command) -> list[Said]:
    """A command in the model's words; timers are compared as what is set."""
    match command:
        case StartChild():
            return [("start", command.id, command.incarnation, command.is_restart)]
        case StopChild():
            return [("stop", command.id, command.incarnation, command.shutdown_us, command.is_final)]
        case KillChild():
            return [("kill", command.id, command.incarnation)]
        case CloseChild():
            return [("close", command.id, command.incarnation)]
        case Answer():
            return [("answer", command.call, command.error)]
        case Ready():
            return [("ready",)]
        case Restarting():
            facts = (command.id, command.incarnation, command.recent, command.nth, command.delay_us)
            return [("restarting", *facts)]
        case Restarted():
            return [("restarted", command.id, command.incarnation)]
        case GaveUp():
            return [("gave_up", command.id, command.incarnation, command.recent)]
        case Ended():
            return [("ended", command.kind)]
        case SetTimer() | CancelTimer():
            return []


def late(shell: Shell) -> list[TimerKey]:
    """Timers that must not have any effect any more."""
    return [key for key in shell.spent if key not in shell.timers]


def fire(key: TimerKey) -> TimerFired:
    return TimerFired(key=key)
