"""OTP's ``supervisor`` as a small executable model: what the manual says, read as a script.

Where the manual describes something that takes a while ("terminated ... and then restarted"), the model is a generator that
yields wherever it has to wait; a supervisor follows at most one such plan. The rest are plain reactions. Sentences in
quotes are the manual's (stdlib, ``supervisor``) or the design principles' ("Supervisor Behaviour", marked DP). Sentences
marked * are this project's own, where OTP has nothing or blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dagger_actors.core.supervision import BackOff, Child, Supervision

Said = tuple[Any, ...]
"""A command: its verb and its facts."""


@dataclass(eq=False)
class Row:
    """A child specification and the process that belongs to it.

    ``process`` is ``none``, ``starting`` or ``up``; ``number`` counts the child's processes.
    """

    spec: Child
    process: str = "none"
    number: int = 0
    wanted: bool = False
    asked: bool = False
    farewell: bool = False
    mailbox: bool = False
    in_place: bool = False
    ever_up: bool = False
    up_at: int = 0
    failures_in_a_row: int = 0
    unproven: bool = False
    starter: int | None = None
    stoppers: list[int] = field(default_factory=list)

    @property
    def temporary(self) -> bool:
        return self.spec.restart == "temporary"


class OtpModel:
    """One supervisor."""

    def __init__(self, flags: Supervision, specs: list[Child]) -> None:
        self.flags = flags
        self.rows = [Row(spec, wanted=True) for spec in specs]
        self.phase = "starting"
        self.plan: Iterator[None] | None = None
        self.doomed: list[Row] = []
        self.queue: list[Row] = []
        self.alarms: dict[tuple[str, str, int], int] = {}
        self.restart_times: list[int] = []
        self.held_back: list[Any] = []
        self.has_finished = False
        self.highest_number_forgotten = 0
        self.now = 0
        self.said: list[Said] = []

    # --- from outside

    def hear(self, event: Any, now: int) -> list[Said]:
        self.now = now
        if self.phase != "ended" or hasattr(event, "call"):
            getattr(self, type(event).__name__)(event)
        while self.plan is not None:
            plan = self.plan
            if next(plan, self) is None:
                break  # it waits
            if self.plan is plan:
                self.plan = None
        said, self.said = self.said, []
        return said

    def picture(self) -> list[tuple[str, str, int]]:
        """``which_children``: "the pid of the corresponding child process, the atom restarting if the process is about to be
        restarted, or undefined if there is no such process"."""
        return [(row.spec.id, self.status(row), row.number) for row in self.rows]

    def status(self, row: Row) -> str:
        if row.process == "none":
            if not row.wanted or self.phase == "ended" or (self.phase == "starting" and self.plan is None):
                return "absent"
            return "restarting" if row.number else "starting"
        return "stopping" if row.asked else {"starting": "starting", "up": "running"}[row.process]

    def counts(self) -> tuple[int, int, int]:
        """``count_children``: "specs - The total count of children, dead or alive"; "active - The count of all actively running
        child processes managed by this supervisor"."""
        statuses = [self.status(row) for row in self.rows]
        return len(statuses), sum(s in ("running", "stopping") for s in statuses), statuses.count("restarting")

    # --- the plans

    def boot(self) -> Iterator[None]:
        """ "When the supervisor is started, the child processes are started in order from left to right according to this
        list." """
        for row in list(self.rows):
            self.start(row)
            while row.process == "starting":
                yield
        yield from self.settled()

    def regroup(self, rows: list[Row]) -> Iterator[None]:
        """one_for_all: "all other child processes are terminated and then all child processes are restarted";
        rest_for_one: "the 'rest' of the child processes ... are terminated. Then the terminated child process and all child
        processes after it are restarted"; "A temporary child process is never restarted (even when the supervisor's restart
        strategy is rest_for_one or one_for_all and a sibling's death causes the temporary process to be terminated)".
        """
        for row in rows:
            row.wanted |= not row.temporary
        self.queue = list(rows)
        yield from self.take_down(rows)
        # * The back-off delays the restart of all of them.
        while any(("back_off", row.spec.id, row.number) in self.alarms for row in self.queue):
            yield
        while self.queue:
            row = self.queue.pop(0)
            if row.wanted:
                self.start(row)
                while row.process == "starting" and not row.asked:
                    yield
        yield from self.settled()

    def settled(self) -> Iterator[None]:
        """ "start_link/2,3 does not return until Module:init/1 has returned and all child processes have been started" """
        if self.phase == "starting":
            self.phase = "running"
            self.say("ready")
            self.plan = None
            if self.has_finished:
                self.halt("normal")
            for event in self.held_back:
                getattr(self, type(event).__name__)(event)
            self.held_back = []
        return
        yield

    def die(self, kind: str) -> Iterator[None]:
        """ "When the supervisor is going to terminate, it first terminates its child processes in reversed start order, from
        right to left." """
        yield from self.take_down(list(self.rows))
        self.phase = "ended"
        self.say("ended", kind)

    def take_down(self, rows: list[Row]) -> Iterator[None]:
        """DP: "terminated in the reversed order"; * one at a time, and with whatever a call is stopping already."""
        self.doomed = rows
        for row in reversed(rows):
            while any(other.asked for other in rows):
                yield
            if row.process != "none":
                self.ask_to_stop(row)
        while any(other.asked for other in rows):
            yield
        self.doomed = []

    def halt(self, kind: str) -> None:
        """* Whatever was to be started will not be; who waits for that is told."""
        if self.phase in ("stopping", "ended"):
            return
        self.phase = "stopping"
        for row in list(self.rows):
            row.wanted = False
            if row.process == "none":
                self.lay_to_rest(row, "shutting_down")
        for event in self.held_back:
            self.say("answer", event.call, "shutting_down")
        self.held_back = []
        self.queue = []
        self.plan = self.die(kind)

    # --- one process

    def start(self, row: Row) -> None:
        """* "Restart in place": what has a mailbox keeps it."""
        # * What a forgotten child of the same id may still report is not the new one's.
        row.number = 1 + (row.number or self.highest_number_forgotten)
        row.process = "starting"
        row.wanted = row.asked = row.farewell = False
        row.in_place, row.mailbox = row.mailbox, True
        self.say("start", row.spec.id, row.number, row.in_place)

    def ask_to_stop(self, row: Row) -> None:
        """ "brutal_kill means that the child process is unconditionally terminated"; "An integer time-out value means that the
        supervisor tells the child process to terminate ... and then wait for an exit signal"."""
        row.farewell = not row.wanted
        if row.spec.shutdown_us == 0:
            self.kill(row)
            return
        row.asked = True
        self.say("stop", row.spec.id, row.number, row.spec.shutdown_us, row.farewell)
        if row.spec.shutdown_us is not None:
            self.alarms["shutdown", row.spec.id, row.number] = self.now + row.spec.shutdown_us

    def kill(self, row: Row) -> None:
        """ "If no exit signal is received within the specified number of milliseconds, the child process is unconditionally
        terminated" * and that is not waited for: a thread cannot be ended."""
        self.say("kill", row.spec.id, row.number)
        self.bury(row)
        self.lay_to_rest(row, "start_failed")

    def bury(self, row: Row) -> None:
        """The process is gone. * The back-off begins anew when it was up for long enough."""
        self.alarms.pop(("shutdown", row.spec.id, row.number), None)
        back_off = row.spec.back_off
        up = self.now - row.up_at if row.process == "up" else 0
        if back_off is None or up >= back_off.reset_us:
            row.failures_in_a_row = 0
        row.process = "none"
        row.asked = False

    def lay_to_rest(self, row: Row, why_not_started: str) -> None:
        """ "If the child process start function returns an error tuple ..., the child specification is discarded" (of a child
        that was added); "If the child is temporary, the child specification is deleted as soon as the process terminates".
        * A mailbox is closed when nobody will read it any more.
        """
        starter, row.starter = row.starter, None
        if starter is not None:
            self.say("answer", starter, why_not_started)
            row.wanted &= not row.unproven
        if not row.wanted:
            self.alarms.pop(("back_off", row.spec.id, row.number), None)
            if row.temporary or row.unproven:
                self.forget(row)
        if row.mailbox and (row.farewell or not row.wanted):
            row.mailbox = False
            self.say("close", row.spec.id, row.number)
        for call in row.stoppers:
            self.say("answer", call, None)
        row.stoppers = []

    def forget(self, row: Row) -> None:
        self.rows.remove(row)
        self.highest_number_forgotten = max(self.highest_number_forgotten, row.number)

    # --- what children do

    def Started(self, event: Any) -> None:
        row = self.process(event)
        if row is None or row.process == "up":
            return
        row.process, row.up_at, row.ever_up, row.unproven = "up", self.now, True, False
        if row.in_place:
            self.say("restarted", row.spec.id, row.number)
        if row.starter is not None:
            self.say("answer", row.starter, None)
            row.starter = None

    def StartFailed(self, event: Any) -> None:
        self.terminated(event, "error")

    def Exited(self, event: Any) -> None:
        self.terminated(event, event.kind)

    def terminated(self, event: Any, kind: str) -> None:
        row = self.process(event)
        if row is None:
            return
        was_up = row.process == "up"
        by_itself = not row.asked and row not in self.doomed
        self.bury(row)
        if not by_itself:
            self.lay_to_rest(row, "start_failed")
        elif row.starter is not None:
            # "If the child process start function returns an error tuple or an erroneous value, or if it fails, the function
            # returns {error,Error}"
            self.lay_to_rest(row, "start_failed")
        elif self.phase == "starting" and not row.ever_up:
            # "If any child process start function fails ..., the supervisor first terminates all already started child
            # processes with reason shutdown and then terminate itself"
            self.halt("error")
        elif not was_up or self.must_restart(row, kind):
            self.restart(row, event.chance)
        else:
            self.lay_to_rest(row, "start_failed")
            self.auto_shutdown(row)

    def must_restart(self, row: Row, kind: str) -> bool:
        """ "A permanent child process is always restarted. A temporary child process is never restarted ... A transient child
        process is restarted only if it terminates abnormally, that is, with another exit reason than normal, shutdown, or
        {shutdown,Term}." """
        abnormally = kind not in ("normal", "shutdown")
        return {"permanent": True, "temporary": False, "transient": abnormally}[row.spec.restart]

    def restart(self, row: Row, chance: float) -> None:
        """ "if more than MaxR restarts occur within MaxT seconds, the supervisor terminates all child processes and then
        itself"; one_for_one: "only that child process is affected"."""
        self.restart_times.append(self.now)
        recent = sum(self.now - self.flags.period_us <= time <= self.now for time in self.restart_times)
        if recent > self.flags.intensity:
            self.say("gave_up", row.spec.id, row.number, recent)
            self.halt("error")
            return
        row.failures_in_a_row += 1
        pause = pause_us(row.spec.back_off, row.failures_in_a_row, chance)
        self.say("restarting", row.spec.id, row.number, recent, row.failures_in_a_row, pause)
        row.wanted = True
        if pause:
            self.alarms["back_off", row.spec.id, row.number] = self.now + pause
        if self.flags.strategy == "one_for_all":
            self.plan = self.regroup(list(self.rows))
        elif self.flags.strategy == "rest_for_one":
            self.plan = self.regroup(self.rows[self.rows.index(row) :])
        elif not pause:
            self.start(row)

    def auto_shutdown(self, row: Row) -> None:
        """any_significant: "when any significant child terminates, that is, when a transient significant child terminates
        normally or when a temporary significant child terminates normally or abnormally"; all_significant: "when the last
        active significant child terminates". DP: "only applies when significant children terminate by themselves"."""
        if not row.spec.significant:
            return
        active = [other for other in self.rows if other.spec.significant and (other.process != "none" or other.wanted)]
        if self.flags.auto_shutdown == "any_significant" or not active:
            if self.phase == "starting":
                self.has_finished = True  # OTP looks at it when it has started
            else:
                self.halt("normal")

    def TimerFired(self, event: Any) -> None:
        key = (event.key.kind, event.key.id, event.key.incarnation)
        if self.alarms.pop(key, None) is None:
            return
        row = self.row(event.key.id)
        assert row is not None
        if event.key.kind == "shutdown":
            self.kill(row)
        elif self.flags.strategy == "one_for_one":
            self.start(row)

    # --- what others ask for

    def Begin(self, _event: Any) -> None:
        if self.phase == "starting" and self.plan is None:
            self.plan = self.boot()

    def ShutDown(self, _event: Any) -> None:
        self.halt("shutdown")

    def AddChild(self, event: Any) -> None:
        """ "If there already exists a child specification with the specified identifier, ChildSpec is discarded, and the
        function returns {error,already_present} or {error,{already_started,Child}}, depending on if the corresponding child
        process is running or not." never: "child specs with the significant flag set to true are considered invalid and
        will be rejected"."""
        if self.is_put_off(event):
            return
        row = self.row(event.child.id)
        if event.child.significant and self.flags.auto_shutdown == "never":
            self.say("answer", event.call, "invalid")
        elif row is not None:
            self.say("answer", event.call, "already_present" if row.process == "none" else "already_started")
        else:
            row = Row(event.child, unproven=True, starter=event.call)
            self.rows.append(row)
            if self.plan is None:
                self.start(row)
            else:
                row.wanted = True
                self.queue.append(row)

    def TerminateChild(self, event: Any) -> None:
        """ "The process, if any, is terminated and, unless it is a temporary child, the child specification is kept by the
        supervisor"; "If there is no child specification with the specified Id, the function returns {error,not_found}"."""
        if self.is_put_off(event):
            return
        row = self.row(event.id)
        if row is None:
            self.say("answer", event.call, "not_found")
            return
        row.wanted = False
        row.stoppers.append(event.call)
        if row.process == "none":
            self.lay_to_rest(row, "terminated")
        elif not row.asked and row not in self.doomed:
            self.ask_to_stop(row)

    def RestartChild(self, event: Any) -> None:
        """ "The child specification must exist, and the corresponding child process must not be running"; "If the child
        specification identified by Id does not exist, the function returns {error,not_found}. If the child specification
        exists but the corresponding process is already running, the function returns {error,running}"; "restarting"."""
        if self.is_put_off(event):
            return
        row = self.row(event.id)
        if row is None or row.process != "none" or row.wanted:
            self.say("answer", event.call, self.why_in_use(row))
            return
        row.starter = event.call
        row.failures_in_a_row = 0
        if row in self.queue:
            row.wanted = True
        else:
            self.start(row)

    def DeleteChild(self, event: Any) -> None:
        """ "If the child specification identified by Id exists but the corresponding child process is running or is about to be
        restarted, the function returns {error,running} or {error,restarting}"."""
        if self.is_put_off(event):
            return
        row = self.row(event.id)
        in_use = self.why_in_use(row)
        self.say("answer", event.call, in_use)
        if in_use is None:
            self.forget(row)

    def is_put_off(self, event: Any) -> bool:
        """OTP: a call that comes while the supervisor starts waits in its mailbox."""
        if self.phase == "starting":
            self.held_back.append(event)
            return True
        if self.phase != "running":
            self.say("answer", event.call, "shutting_down")
            return True
        return False

    # --- looking things up

    def why_in_use(self, row: Row | None) -> str | None:
        if row is None:
            return "not_found"
        if row.process != "none":
            return "running"
        return "restarting" if row.wanted else None

    def row(self, child_id: str) -> Row | None:
        return next((row for row in self.rows if row.spec.id == child_id), None)

    def process(self, event: Any) -> Row | None:
        row = self.row(event.id)
        return row if row is not None and row.process != "none" and row.number == event.incarnation else None

    def say(self, *said: Any) -> None:
        self.said.append(said)


def pause_us(back_off: BackOff | None, nth: int, chance: float) -> int:
    """* Each consecutive restart waits ``factor`` times as long as the one before, at most ``max_us``, and jitter shortens it."""
    if back_off is None:
        return 0
    pause: float = back_off.min_us
    for _ in range(nth - 1):
        pause = min(pause * back_off.factor, back_off.max_us)
    pause = min(pause, back_off.max_us)
    return round(pause - pause * back_off.jitter * chance)
