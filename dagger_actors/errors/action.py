"""Errors of user code, kept in a run's history; and the ends of runs that did not succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagger_actors.errors.base import DaggerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagger_actors.flow.reports.report import Report


class ActionError(DaggerError):
    """User code failed; kept in the run's history."""


class OutputError(ActionError):
    """An action's result cannot be stored, or what it saves.

    Args:
        reason: Why not.
        advice: What to do; may be empty.
        what: What cannot be stored.
    """

    def __init__(self, reason: str, advice: str = "", what: str = "the result") -> None:
        self.reason = reason
        self.advice = advice
        self.what = what
        super().__init__(reason, advice, what)

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.what} cannot be stored: {self.reason}{advice}"


class InputError(ActionError):
    """Inputs do not fit the action's type hints."""

    def __init__(self, action: str, parameter: str, reason: str) -> None:
        self.action = action
        self.parameter = parameter
        self.reason = reason
        super().__init__(action, parameter, reason)

    def __str__(self) -> str:
        return f"action {self.action!r} cannot take its input {self.parameter!r}: {self.reason}"


class GrowthRefused(ActionError):
    """Nodes that an action or a hook adds to its run, and that the run cannot take; none of them was added.

    Args:
        reason: Every problem.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return f"the nodes cannot be added: {self.reason}"


class HookRefused(ActionError):
    """What a hook returned cannot be done; none of it was.

    Args:
        reason: Why not.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return f"what the hook returned cannot be done: {self.reason}"


class StepRefused(ActionError):
    """A step of an action cannot be taken.

    Args:
        name: The step.
        reason: Why not.
        advice: What to do; may be empty.
    """

    def __init__(self, name: object, reason: str, advice: str = "") -> None:
        self.name = name
        self.reason = reason
        self.advice = advice
        super().__init__(name, reason, advice)

    def __str__(self) -> str:
        return f"step {self.name!r:.100} cannot be taken: {self.reason}" + (f"; {self.advice}" if self.advice else "")


class StatementRefused(ActionError):
    """A statement that may not be, or cannot be compiled."""

    def __init__(self, sql: object, reason: str) -> None:
        self.sql = sql
        self.reason = reason
        super().__init__(sql, reason)

    def __str__(self) -> str:
        return f"the statement {self.sql!r:.200} is refused: {self.reason}"


class StatementFailed(ActionError):
    """A statement that the transaction of its attempt's end could not take; nothing of the attempt was written."""

    def __init__(self, sql: str, reason: str) -> None:
        self.sql = sql
        self.reason = reason
        super().__init__(sql, reason)

    def __str__(self) -> str:
        return f"the statement {self.sql!r:.200} failed: {self.reason}; nothing of this attempt was written"


class RunValueRefused(ActionError):
    """A value that ``ctx.cache`` cannot take."""

    def __init__(self, key: object, reason: str) -> None:
        self.key = key
        self.reason = reason
        super().__init__(key, reason)

    def __str__(self) -> str:
        return f"ctx.cache cannot take the key {self.key!r:.100}: {self.reason}"


class SecretMissing(ActionError):
    """There is no such environment variable in the process that runs the action."""

    def __init__(self, variable: str) -> None:
        self.variable = variable
        super().__init__(variable)

    def __str__(self) -> str:
        return (
            f"the environment variable {self.variable}, which holds a secret input, is not set in the process that runs "
            f"the action; set it there, then retry the run"
        )


class UnknownResource(ActionError):
    """A resource nobody said how to make.

    Args:
        name: The type that was asked for.
        known: The types there are.
    """

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(name, self.known)

    def __str__(self) -> str:
        return (
            f"there is no resource {self.name}, only {', '.join(self.known) or 'none at all'}; "
            f"give ActorSystem(resources={{{self.name}: ...}}) a function that makes one, "
            "and a command its mapping: --resources FILE.py:NAME"
        )


class AttemptOver(ActionError):
    """The attempt has ended, was cut off, or is another process's: nothing more of it is stored.

    Args:
        what: What it asked for.
        done: What does not become of that.
    """

    def __init__(self, what: str, done: str = "stored") -> None:
        self.what = what
        self.done = done
        super().__init__(what, done)

    def __str__(self) -> str:
        return (
            f"{self.what} is not {self.done}, for this attempt is over: it has ended or was cut off, or another process "
            "runs it now; use ctx before the body returns, and return as soon as ctx.cancelled is set"
        )


class ResultError(ActionError):
    """A result does not fit the action's return hint."""

    def __init__(self, action: str, hint: str, given: str, reason: str) -> None:
        self.action = action
        self.hint = hint
        self.given = given
        self.reason = reason
        super().__init__(action, hint, given, reason)

    def __str__(self) -> str:
        return (
            f"action {self.action!r} must return {self.hint}, as its type hint says, and returned {self.given}: "
            f"{self.reason}; correct the code or the hint"
        )


class WorkerDied(ActionError):
    """The worker process of an attempt ended before the attempt did.

    Args:
        how: How it ended: a signal, an exit status, or what cut it off.
        tail: The last of what it wrote.
    """

    def __init__(self, how: str, tail: str = "") -> None:
        self.how = how
        self.tail = tail
        super().__init__(how, tail)

    def __str__(self) -> str:
        told = f"; it wrote last: {self.tail}" if self.tail else ""
        return f"the worker process of this attempt died: {self.how}{told}"


class RunEnded(ActionError):
    """A run did not succeed.

    Args:
        run_id: The run.
        reason: The first failure, as one line.
        report: The run's whole ``Report``.
    """

    state = "ended"
    report: Report

    def __init__(self, run_id: str, reason: str, report: Any = None) -> None:
        self.run_id = run_id
        self.reason = reason
        self.report = report
        super().__init__(run_id, reason, report)

    def __str__(self) -> str:
        return f"run {self.run_id!r} {self.state}" + (f": {self.reason}" if self.reason else "")


class RunFailed(RunEnded):
    """A node failed for good."""

    state = "failed"


class RunCancelled(RunEnded):
    """Somebody cancelled the run."""

    state = "was cancelled"


class RunTimedOut(RunEnded):
    """The run used up its ``timeout_seconds``."""

    state = "timed out"


class RunPaused(RunEnded):
    """The run waits for ``resume`` (or ``retry``, for parked work), or for people; nothing of it is lost."""

    state = "is paused"

    def __str__(self) -> str:
        advice = (
            "; answer what it asks (flows.questions, flows.signal), or wait until somebody has: "
            "run.result(wait_for_people=True); or go on with flows.resume"
        )
        return super().__str__() + ("" if self.reason else advice)
