"""Errors of a request: the caller's, now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagger_actors.errors.base import DaggerError

if TYPE_CHECKING:
    from collections.abc import Sequence


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


class ReplayRefused(RequestError):
    """An attempt cannot be made again.

    Args:
        run_id: Its run.
        node_id: Its node.
        key: The map item's key; empty for the node itself.
        reason: Why not.
        advice: What to do; may be empty.
    """

    def __init__(self, run_id: str, node_id: str, key: str, reason: str, advice: str = "") -> None:
        self.run_id = run_id
        self.node_id = node_id
        self.key = key
        self.reason = reason
        self.advice = advice
        super().__init__(run_id, node_id, key, reason, advice)

    def __str__(self) -> str:
        item = f", item {self.key!r}," if self.key else ""
        advice = f"; {self.advice}" if self.advice else ""
        return f"node {self.node_id!r}{item} of run {self.run_id!r} cannot be replayed: {self.reason}{advice}"


class RunConflict(RequestError):
    """The run id is taken by a run of another definition or other inputs, or by one that belongs to another run or trigger."""

    def __init__(self, run_id: str, difference: str) -> None:
        self.run_id = run_id
        self.difference = difference
        super().__init__(run_id, difference)

    def __str__(self) -> str:
        if self.difference == "parent":
            advice = "fork the run above with another run id, or give the trigger another group"
            return f"run {self.run_id!r} exists already, made by another run or trigger; {advice}"
        what = "other inputs" if self.difference == "inputs" else f"another {self.difference}"
        return f"run {self.run_id!r} exists already with {what}; choose another run id"


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


class NodeTransition(RequestError):
    """The state of a run's node does not allow the request."""

    def __init__(self, run_id: str, node_id: str, state: str, wanted: str) -> None:
        self.run_id = run_id
        self.node_id = node_id
        self.state = state
        self.wanted = wanted
        super().__init__(run_id, node_id, state, wanted)

    def __str__(self) -> str:
        return f"the node {self.node_id!r} of run {self.run_id!r} is {self.state}, it cannot become {self.wanted}"


class NeverRan(RequestError):
    """A run is to be forked from a node that has not run in it.

    Args:
        run_id: The run.
        node_id: The node.
        near: One upstream of it that has; may be empty.
    """

    def __init__(self, run_id: str, node_id: str, near: str = "") -> None:
        self.run_id = run_id
        self.node_id = node_id
        self.near = near
        super().__init__(run_id, node_id, near)

    def __str__(self) -> str:
        instead = f"fork from one that has, such as {self.near!r}" if self.near else "fork from one that has"
        return f"the node {self.node_id!r} of run {self.run_id!r} never ran; {instead}"


class ForkRefused(RequestError):
    """A run cannot be forked as it is asked for; there is no fork.

    Args:
        run_id: The run.
        reason: Why, and what to do instead.
    """

    def __init__(self, run_id: str, reason: str) -> None:
        self.run_id = run_id
        self.reason = reason
        super().__init__(run_id, reason)

    def __str__(self) -> str:
        return f"run {self.run_id!r} cannot be forked so: {self.reason}"


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
