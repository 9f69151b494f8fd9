"""Errors of the disk, or of another owner."""

from __future__ import annotations

from dagger_actors.errors.base import DaggerError
from dagger_actors.errors.commands import command_line


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

    def __init__(self, path: str, place: tuple[int, int, int, int], cause: DaggerError) -> None:
        self.place = place
        self.cause = cause
        super().__init__(path, "", 0, 0)
        self.args = (path, place, cause)

    def __str__(self) -> str:
        return f"{self.path}: {self.cause}"


class RequestRefused(UnitRejected):
    """What a unit was asked to do with tasks cannot be done: nothing of the unit was written.

    Args:
        path: The database.
        cause: Why, and what to do; for whoever asked.
    """

    def __init__(self, path: str, cause: DaggerError) -> None:
        self.cause = cause
        super().__init__(path, "", 0, 0)
        self.args = (path, cause)

    def __str__(self) -> str:
        return f"{self.path}: {self.cause}"


class StateOwned(StoreError):
    """A durable actor that runs in another process, or in another system of this one.

    Args:
        path: The database.
        actor: The actor's name.
        worker: Whose it is.
        pid: The process of that worker.
    """

    def __init__(self, path: str, actor: str, worker: int, pid: int) -> None:
        self.actor = actor
        self.worker = worker
        self.pid = pid
        super().__init__(path)
        self.args = (path, actor, worker, pid)

    def __str__(self) -> str:
        return (
            f"the durable actor {self.actor!r} of {self.path} runs in process {self.pid} (worker {self.worker}); "
            f"stop that one first, or give this one another name"
        )


class OwnershipLost(StoreError):
    """Another process has taken the work over; nothing of ours can be written to it any more."""

    def __str__(self) -> str:
        return f"{self.path}: {self.detail} was taken over by another process"


class ArtifactError(StoreError):
    """A stored output cannot be read; the parent of what says why.

    Args:
        path: The database.
        artifact_id: The artifact.
        run_id: The run that reads it; empty where no run does.
        node_id: The node of that run that gave it; empty when it is not known.
    """

    def __init__(self, path: str, artifact_id: str, run_id: str = "", node_id: str = "") -> None:
        super().__init__(path, artifact_id)
        self.artifact_id = artifact_id
        self.run_id = run_id
        self.node_id = node_id
        self.args = (path, artifact_id, run_id, node_id)

    def __str__(self) -> str:
        return f"artifact {self.detail} of {self.path} cannot be read; {self.advice()}"

    def advice(self) -> str:
        """What brings it back."""
        node = self.node_id if self.run_id else ""
        again = command_line("retry", self.run_id, options=[("--from", node)]) if node else "retry RUN --from NODE"
        return f"put the file back, or compute it again: {again}"


class ArtifactMissing(ArtifactError):
    """No such artifact."""

    def __str__(self) -> str:
        return f"no artifact {self.detail} in {self.path}; {self.advice()}"


class ArtifactCorrupt(ArtifactError):
    """The stored content no longer has the hash that is its name."""

    def __str__(self) -> str:
        return f"artifact {self.detail} of {self.path} is damaged: its content no longer has its hash; {self.advice()}"
