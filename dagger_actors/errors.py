"""Every error this package raises on purpose, sorted by whose fault it is.

::

    DaggerError
    ├── DefinitionError            the author's file: every problem at once, each with its place
    │   └── InvalidSupervision     supervisors and children that contradict themselves or each other
    ├── RequestError               the caller, now
    │   ├── InvalidInputs          inputs that the flow does not take
    │   ├── RunNotFound            no run of that id in this database
    │   ├── UnknownNode            the run has no such node, or no such item
    │   ├── RunConflict            the run id is taken by other work
    │   ├── RunOwned               a live process owns the run
    │   ├── IllegalTransition      the run's state does not allow the request
    │   ├── SchemaRefused          a script for users' tables that does something else
    │   ├── ResourceFailed         a resource of the system could not be made
    │   ├── UnknownArtifact        no artifact has that id
    │   ├── AmbiguousArtifact      several artifacts' ids begin so
    │   ├── ExportRefused          a file cannot be written where it was asked for
    │   ├── BlockingCall           a blocking verb called on a running event loop
    │   ├── SystemClosed           the system has been left
    │   └── SystemForked           the database was open already when this process was forked
    ├── ActionError                user code, kept in history
    │   ├── OutputError            a result that cannot be stored
    │   ├── InputError             inputs that do not fit the action's type hints
    │   ├── StepRefused            a step that cannot be taken
    │   ├── StatementRefused       a statement of ctx.execute or ctx.query that may not be
    │   ├── StatementFailed        a statement of ctx.execute that the transaction could not take
    │   ├── RunValueRefused        a value that ctx.cache cannot take
    │   ├── SecretMissing          no such environment variable in the process that runs the action
    │   ├── UnknownResource        a resource nobody said how to make
    │   ├── AttemptOver            its run has ended or is another process's: nothing more of it is stored
    │   ├── ResultError            a result that does not fit the action's return hint
    │   ├── WorkerDied             the worker process of an attempt ended before it did
    │   └── RunEnded               a run that did not succeed; carries its report
    │       ├── RunFailed
    │       ├── RunCancelled
    │       ├── RunTimedOut
    │       └── RunPaused
    ├── ActorError                 the actor system
    │   ├── ActorClassError        an actor class that cannot be
    │   ├── ConfigRefused          a config that does not fit the actor's class
    │   ├── NameTaken              another actor has the name
    │   ├── UnknownActor           no actor has the name
    │   ├── ActorStopped           the actor has stopped, or stops before it handles the message
    │   ├── MessageRefused         a message that cannot be encoded, or does not hold what its class says
    │   ├── MessageUnhandled       the actor has no handler for the message
    │   ├── MailboxFull            a bounded mailbox refused a message
    │   ├── AskInsideHandler       a blocking ask inside a pooled handler
    │   ├── ChildRefused           a supervisor could not do what was asked about a child
    │   ├── SupervisorFailed       a supervisor gave up, or could not start
    │   ├── SystemFailed           the root supervisor gave up: the system has stopped
    │   └── SupervisorGaveUp       restarted too often; its work is left for a resume
    └── StoreError                 the disk, or another owner
        ├── NotADatabase           the file is something else
        ├── NewerSchema            written by a newer version
        ├── OlderSchema            written by an older version, and only to be looked at
        ├── ReadOnlyDatabase       the file or its folder cannot be written
        ├── UnsafeSQLite           an SQLite library that can corrupt a shared WAL file
        ├── NetworkFilesystem      locks do not hold there
        ├── StoreFull              no space left
        ├── StoreBusy              another program holds the lock
        ├── StoreBroken            an I/O error or a damaged page
        ├── UnitRejected           an expectation of the transaction did not hold
        │   └── WorkRejected       what an attempt wanted written with its end is to blame
        ├── OwnershipLost          another process has taken the work over
        ├── ArtifactMissing        no such artifact
        └── ArtifactCorrupt        the content no longer has its hash
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class DaggerError(Exception):
    """The root of the tree; catch it to catch everything this package raises on purpose.

    Facts are constructor arguments and attributes, the text is made in ``__str__``. Every error pickles, and two errors
    of one class with equal facts are equal.
    """

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, DaggerError) and other.args == self.args

    def __hash__(self) -> int:
        return hash((type(self), repr(self.args)))


class Problem(NamedTuple):
    """One mistake in a definition: what, what to do, and where.

    Attributes:
        message: What is wrong, naming the culprit.
        advice: What to do about it; may be empty.
        file: The file's name as the caller gave it, or ``<dict>``.
        line: Line in the file, from 1; 0 when there is no place.
        column: Column in the line, from 1; 0 when there is no place.
        source: The source line without its line end; empty when there is no place.
    """

    message: str
    advice: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    source: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else (f"{self.file}: " if self.file else "")
        text = f"{place}{self.message}"
        if self.source:
            # A minified or hostile line must not flood the terminal: show a window around the place.
            start = max(0, self.column - 81)
            window = self.source[start : start + 120]
            text += f"\n    {window}\n    {' ' * (self.column - 1 - start)}^"
        if self.advice:
            text += f"\n  {self.advice}"
        return text


class DefinitionError(DaggerError):
    """A flow file that cannot run; carries every problem found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class InvalidSupervision(DefinitionError):
    """Supervisors and children that contradict themselves or each other; carries every problem found."""


class RequestError(DaggerError):
    """The caller asked for something that cannot be done now."""


class InvalidInputs(RequestError):
    """Inputs that the flow does not take.

    Args:
        flow: The flow's name.
        complaints: One sentence for each input that is missing, unknown or of the wrong type.
    """

    def __init__(self, flow: str, complaints: Sequence[str]) -> None:
        self.flow = flow
        self.complaints = tuple(complaints)
        super().__init__(flow, self.complaints)

    def __str__(self) -> str:
        return f"flow {self.flow!r} cannot start: " + "; ".join(self.complaints)


class RunNotFound(RequestError):
    """No run of that id in this database."""

    def __init__(self, run_id: str, database: str = "") -> None:
        self.run_id = run_id
        self.database = database
        super().__init__(run_id, database)

    def __str__(self) -> str:
        where = f" in {self.database}" if self.database else ""
        return f"no run {self.run_id!r}{where}; list the runs with: dagger-actors runs"


class UnknownNode(RequestError):
    """The run has no such node, or its map no such item.

    Args:
        run_id: The run.
        node_id: The node that was asked for.
        key: The map item that was asked for; empty = the node itself was.
        near: The nearest one there is; may be empty.
        items: Items of the map that have begun.
    """

    def __init__(self, run_id: str, node_id: str, key: str = "", near: str = "", items: int = 0) -> None:
        self.run_id = run_id
        self.node_id = node_id
        self.key = key
        self.near = near
        self.items = items
        super().__init__(run_id, node_id, key, near, items)

    def __str__(self) -> str:
        near = f"; did you mean {self.near!r}?" if self.near else ""
        if not self.key:
            return f"run {self.run_id!r} has no node {self.node_id!r}{near or '; `show` lists them'}"
        if not self.items:
            return f"node {self.node_id!r} of run {self.run_id!r} has no items (yet); ask without --item"
        begun = f"; {self.items} items of its map have begun"
        return f"node {self.node_id!r} of run {self.run_id!r} has no item {self.key!r}{near or begun}"


class RunConflict(RequestError):
    """The run id is taken by a run of another definition or other inputs."""

    def __init__(self, run_id: str, difference: str) -> None:
        self.run_id = run_id
        self.difference = difference
        super().__init__(run_id, difference)

    def __str__(self) -> str:
        return f"run {self.run_id!r} exists already with another {self.difference}; choose another run id"


class RunOwned(RequestError):
    """A live process owns the run.

    Args:
        run_id: The run.
        worker_id: The owner's worker id.
        pid: The owner's process id.
    """

    def __init__(self, run_id: str, worker_id: int, pid: int) -> None:
        self.run_id = run_id
        self.worker_id = worker_id
        self.pid = pid
        super().__init__(run_id, worker_id, pid)

    def __str__(self) -> str:
        return (
            f"run {self.run_id!r} is being run by process {self.pid} (worker {self.worker_id}); "
            f"wait for it, or stop it first"
        )


class IllegalTransition(RequestError):
    """The run's state does not allow the request."""

    def __init__(self, run_id: str, state: str, wanted: str, advice: str = "") -> None:
        self.run_id = run_id
        self.state = state
        self.wanted = wanted
        self.advice = advice
        super().__init__(run_id, state, wanted, advice)

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"run {self.run_id!r} is {self.state}, it cannot become {self.wanted}{advice}"


class UnknownArtifact(RequestError):
    """No artifact of this database has that id, or one that begins so."""

    def __init__(self, artifact_id: str, database: str = "") -> None:
        self.artifact_id = artifact_id
        self.database = database
        super().__init__(artifact_id, database)

    def __str__(self) -> str:
        where = f" in {self.database}" if self.database else ""
        return f"no artifact {self.artifact_id!r}{where}; list them with: dagger-actors artifacts list"


class AmbiguousArtifact(RequestError):
    """The ids of several artifacts begin so.

    Args:
        artifact_id: What was given.
        found: Some of the ids that begin so.
    """

    def __init__(self, artifact_id: str, found: Sequence[str]) -> None:
        self.artifact_id = artifact_id
        self.found = tuple(found)
        super().__init__(artifact_id, self.found)

    def __str__(self) -> str:
        return (
            f"the ids of several artifacts begin with {self.artifact_id!r}: {', '.join(self.found)}; give more digits"
        )


class ExportRefused(RequestError):
    """A file cannot be written where it was asked for; nothing there was changed."""

    def __init__(self, path: str, reason: str, advice: str = "choose another place") -> None:
        self.path = path
        self.reason = reason
        self.advice = advice
        super().__init__(path, reason, advice)

    def __str__(self) -> str:
        return f"cannot write {self.path!r}: {self.reason}; {self.advice}"


class BlockingCall(RequestError):
    """A blocking verb was called on a running event loop."""

    def __init__(self, verb: str, instead: str) -> None:
        self.verb = verb
        self.instead = instead
        super().__init__(verb, instead)

    def __str__(self) -> str:
        return f"{self.verb} would block the running event loop; use `{self.instead}`"


class SchemaRefused(RequestError):
    """The script for users' own tables cannot be run.

    Args:
        file: The script.
        reason: Why not.
    """

    def __init__(self, file: str, reason: str) -> None:
        self.file = file
        self.reason = reason
        super().__init__(file, reason)

    def __str__(self) -> str:
        return f"the schema {self.file} cannot be applied: {self.reason}; write CREATE TABLE IF NOT EXISTS, for your own tables"


class ResourceFailed(RequestError):
    """A resource of the system could not be made or entered."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(name, reason)

    def __str__(self) -> str:
        return f"the resource {self.name} cannot be made: {self.reason}; look at its factory in resources={{...}}"


class SystemClosed(RequestError):
    """The system has been left; nothing new is taken."""

    def __str__(self) -> str:
        return "this ActorSystem is closed; open another one on the same file"


class SystemForked(RequestError):
    """The database is open in a process of which this one is a forked child.

    Args:
        database: The database.
        pid: The process that opened it.
    """

    def __init__(self, database: str, pid: int) -> None:
        self.database = database
        self.pid = pid
        super().__init__(database, pid)

    def __str__(self) -> str:
        return (
            f"{self.database} is open in process {self.pid}, of which this is a forked child, and that cannot use it safely; "
            f"start a new process instead: subprocess, or multiprocessing with 'spawn'"
        )


class ActionError(DaggerError):
    """User code failed; kept in the run's history."""


class OutputError(ActionError):
    """An action's result cannot be stored."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return f"the result cannot be stored: {self.reason}; store it with ctx.save(name, data, media_type=...)"


class InputError(ActionError):
    """Inputs do not fit the action's type hints."""

    def __init__(self, action: str, parameter: str, reason: str) -> None:
        self.action = action
        self.parameter = parameter
        self.reason = reason
        super().__init__(action, parameter, reason)

    def __str__(self) -> str:
        return f"action {self.action!r} cannot take its input {self.parameter!r}: {self.reason}"


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
            f"give ActorSystem(resources={{{self.name}: ...}}) a function that makes one"
        )


class AttemptOver(ActionError):
    """The attempt's run has ended, or another process has taken it over: nothing more of the attempt is stored."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)

    def __str__(self) -> str:
        return (
            f"{self.what} is not stored, for this attempt is over: its run has ended, or another process runs it now; "
            f"return as soon as ctx.cancelled is set"
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

    def __init__(self, run_id: str, reason: str, report: object = None) -> None:
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
    """The run waits for ``resume`` (or ``retry``, for parked work); nothing of it is lost."""

    state = "is paused"


class ActorError(DaggerError):
    """The actor system itself failed."""


class ActorClassError(ActorError):
    """An actor class, a handler or a mailbox that cannot be; raised when the class is made."""

    def __init__(self, where: str, what: str) -> None:
        self.where = where
        self.what = what
        super().__init__(where, what)

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ConfigRefused(ActorError):
    """A config that does not fit the Struct its actor class is annotated with."""

    def __init__(self, actor: str, detail: str) -> None:
        self.actor = actor
        self.detail = detail
        super().__init__(actor, detail)

    def __str__(self) -> str:
        return f"the config of {self.actor} does not fit: {self.detail}"


class NameTaken(ActorError):
    """Another actor of this system has the name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)

    def __str__(self) -> str:
        return f"there is an actor named {self.name!r} already; take another name, or find() that one"


class UnknownActor(ActorError):
    """No actor of this system has the name."""

    def __init__(self, name: str, nearest: tuple[str, ...] = ()) -> None:
        self.name = name
        self.nearest = nearest
        super().__init__(name, nearest)

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest[0]!r}?" if self.nearest else ""
        return f"there is no actor named {self.name!r}{hint}"


class ActorStopped(ActorError):
    """The actor has stopped for good, or stopped before it handled the message."""

    def __init__(self, actor: str) -> None:
        self.actor = actor
        super().__init__(actor)

    def __str__(self) -> str:
        return f"{self.actor} stopped before it answered"


class MessageRefused(ActorError):
    """A message that cannot be encoded, or does not hold what its class says."""

    def __init__(self, message: str, detail: str) -> None:
        self.message = message
        self.detail = detail
        super().__init__(message, detail)

    def __str__(self) -> str:
        return f"a message of class {self.message} cannot be sent: {self.detail}"


class MessageUnhandled(ActorError):
    """The actor has no handler for a message's class."""

    def __init__(self, actor: str, message: str, known: tuple[str, ...]) -> None:
        self.actor = actor
        self.message = message
        self.known = known
        super().__init__(actor, message, known)

    def __str__(self) -> str:
        takes = ", ".join(self.known) or "nothing"
        return f"{self.actor} has no @handler for {self.message}; it takes {takes}"


class MailboxFull(ActorError):
    """A bounded mailbox refused a message."""

    def __init__(self, actor: str, capacity: int, waited_s: float = 0.0, advice: str = "") -> None:
        self.actor = actor
        self.capacity = capacity
        self.waited_s = waited_s
        self.advice = advice
        super().__init__(actor, capacity, waited_s, advice)

    def __str__(self) -> str:
        waited = f", and no room came in {self.waited_s:g} s" if self.waited_s else ""
        advice = self.advice or "send slower or raise its capacity"
        return f"the mailbox of {self.actor} is full ({self.capacity} messages){waited}; {advice}"


class AskInsideHandler(ActorError):
    """A blocking ask inside a pooled handler can starve the pool."""

    def __init__(self, actor: str) -> None:
        self.actor = actor
        super().__init__(actor)

    def __str__(self) -> str:
        return (
            f"a blocking ask of {self.actor} inside a handler can starve the pool it runs on; "
            f"use tell and handle the answer as a message, or `await` it in an async handler"
        )


class ChildRefused(ActorError):
    """A supervisor could not do what was asked about a child.

    Attributes:
        reason: OTP's word: ``already_present``, ``already_started``, ``running``, ``restarting``, ``not_found``; or
            ``start_failed``, ``invalid``, ``terminated``, ``shutting_down``, ``busy``.
    """

    TEXTS = MappingProxyType(
        {
            "already_present": "it has a child of that id that does not run; restart or delete that one",
            "already_started": "it has a child of that id that runs; take another id",
            "running": "the child runs; terminate it first",
            "restarting": "the child is about to be restarted; terminate it first",
            "not_found": "it has no child of that id",
            "start_failed": "the child could not be started",
            "invalid": "no such child may be here",
            "terminated": "its start was called off by another call",
            "shutting_down": "it is shutting down, or has ended",
            "busy": "too many calls wait for it",
        }
    )

    def __init__(self, supervisor: str, child: str, reason: str, detail: str = "") -> None:
        self.supervisor = supervisor
        self.child = child
        self.reason = reason
        self.detail = detail
        super().__init__(supervisor, child, reason, detail)

    def __str__(self) -> str:
        about = f" about {self.child!r}" if self.child else ""
        detail = f": {self.detail}" if self.detail else ""
        return f"the supervisor {self.supervisor} refused what was asked{about}: {self.TEXTS[self.reason]}{detail}"


class SupervisorFailed(ActorError):
    """A supervisor gave up, because restarts came too often, or a child could not be started at first."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(name, reason)

    def __str__(self) -> str:
        return f"the supervisor {self.name} has given up: {self.reason}"


class SystemFailed(ActorError):
    """The root supervisor gave up, so the system has stopped."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    def __str__(self) -> str:
        return f"the system has stopped: {self.reason}"


class SupervisorGaveUp(ActorError):
    """A supervisor crashed more often than its restart intensity allows."""

    def __init__(self, name: str, intensity: int, period_s: float, cause: str) -> None:
        self.name = name
        self.intensity = intensity
        self.period_s = period_s
        self.cause = cause
        super().__init__(name, intensity, period_s, cause)

    def __str__(self) -> str:
        return (
            f"{self.name} crashed more than {self.intensity} times in {self.period_s:g} s, last with {self.cause}; "
            f"its committed work is safe and can be resumed"
        )


class StoreError(DaggerError):
    """The disk, or another owner of the file."""

    def __init__(self, path: str, detail: str = "") -> None:
        self.path = path
        self.detail = detail
        super().__init__(path, detail)

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"


class NotADatabase(StoreError):
    """The file is something else."""

    def __str__(self) -> str:
        return f"{self.path} is not a dagger_actors database{self._why()}; choose another path with --db"

    def _why(self) -> str:
        return f" ({self.detail})" if self.detail else ""


class NewerSchema(StoreError):
    """The file, or a definition in it (``what``), was written by a newer version of this package."""

    def __init__(self, path: str, found: int, known: int, what: str = "schema") -> None:
        self.found = found
        self.known = known
        self.what = what
        super().__init__(path)
        self.args = (path, found, known, what)

    def __str__(self) -> str:
        return f"{self.path} has {self.what} version {self.found}, this program knows up to {self.known}; upgrade dagger-actors"


class OlderSchema(StoreError):
    """An older version of this package wrote the file, and looking at it must not change it."""

    def __init__(self, path: str, found: int, known: int) -> None:
        self.found = found
        self.known = known
        super().__init__(path)
        self.args = (path, found, known)

    def __str__(self) -> str:
        return (
            f"{self.path} has schema version {self.found}, this program reads version {self.known}; run a flow on it "
            f"once, or open it with ActorSystem, and it is brought up to date"
        )


class ReadOnlyDatabase(StoreError):
    """The file or its folder cannot be written."""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.path} cannot be written{detail}; give the file and its folder write permission, or another --db"


class UnsafeSQLite(StoreError):
    """This SQLite library can corrupt a WAL file shared by two connections (before 3.51.3)."""

    def __str__(self) -> str:
        return (
            f"SQLite {self.detail} can corrupt {self.path} when two processes share it; upgrade apsw to 3.51.3 or newer"
        )


class NetworkFilesystem(StoreError):
    """Locks and shared memory do not hold on a network file system."""

    def __str__(self) -> str:
        return (
            f"{self.path} lies on a network file system ({self.detail}), where its locks do not hold; use a local disk"
        )


class StoreFull(StoreError):
    """No space left; nothing of the refused work was acknowledged."""

    def __str__(self) -> str:
        return f"no space left for {self.path}; free some and try again, nothing acknowledged was lost"


class StoreBusy(StoreError):
    """Another program held the lock for longer than this one may wait; nothing of the refused work was written.

    Args:
        path: The database.
        detail: SQLite's own words.
        pid: The process that holds the lock; 0 when the system does not tell.
        is_stopped: Whether that process is stopped, so that waiting will not help.
    """

    def __init__(self, path: str, detail: str = "", pid: int = 0, is_stopped: bool = False) -> None:
        self.pid = pid
        self.is_stopped = is_stopped
        super().__init__(path, detail)
        self.args = (path, detail, pid, is_stopped)

    def __str__(self) -> str:
        if self.is_stopped:
            return (
                f"{self.path} is locked by process {self.pid}, which is stopped; let it go on with "
                f"`kill -CONT {self.pid}`, or end it with `kill -9 {self.pid}`, then try again"
            )
        if self.pid:
            return (
                f"{self.path} is locked by process {self.pid}; wait for it, or stop it with `kill {self.pid}`, "
                f"then try again"
            )
        return (
            f"{self.path} is locked by another program; wait for it, or find it with `fuser {self.path}` and stop it, "
            f"then try again"
        )


class StoreBroken(StoreError):
    """An I/O error or a damaged page."""

    def __str__(self) -> str:
        return f"{self.path} cannot be read or written: {self.detail}"


class UnitRejected(StoreError):
    """An expectation of the transaction did not hold, so nothing of the unit was written.

    Args:
        path: The database.
        statement: The statement whose row count was off.
        expected: Rows the unit expected to change.
        changed: Rows it would have changed.
    """

    def __init__(self, path: str, statement: str, expected: int, changed: int) -> None:
        self.statement = statement
        self.expected = expected
        self.changed = changed
        super().__init__(path)
        self.args = (path, statement, expected, changed)

    def __str__(self) -> str:
        return f"{self.path}: {self.statement} expected {self.expected} rows and met {self.changed}"


class WorkRejected(UnitRejected):
    """What an attempt wanted written with its end cannot be: nothing of the unit was written.

    Args:
        path: The database.
        place: The attempt: run_key, node, item, attempt.
        cause: What it fails with.
    """

    def __init__(self, path: str, place: tuple[int, int, int, int], cause: ActionError) -> None:
        self.place = place
        self.cause = cause
        super().__init__(path, "", 0, 0)
        self.args = (path, place, cause)

    def __str__(self) -> str:
        return f"{self.path}: {self.cause}"


class OwnershipLost(StoreError):
    """Another process has taken the work over; nothing of ours can be written to it any more."""

    def __str__(self) -> str:
        return f"{self.path}: {self.detail} was taken over by another process"


class ArtifactMissing(StoreError):
    """No such artifact."""

    def __str__(self) -> str:
        return (
            f"no artifact {self.detail} in {self.path}; put the file back, or compute it again: retry RUN --from NODE"
        )


class ArtifactCorrupt(StoreError):
    """The stored content no longer has the hash that is its name."""

    def __str__(self) -> str:
        return (
            f"artifact {self.detail} of {self.path} is damaged: its content no longer has its hash; "
            f"put the file back, or compute it again: retry RUN --from NODE"
        )
