"""Errors of tasks and jobs: what a caller asks of them."""

from __future__ import annotations

from dagger_actors.errors.commands import command_line
from dagger_actors.errors.request import RequestError
from dagger_actors.errors.wording import counted


class UnknownAgent(RequestError):
    """No agent of that name is known to the database.

    Args:
        agent: The name that was asked for.
        near: The nearest one there is; may be empty.
    """

    def __init__(self, agent: str, near: str = "") -> None:
        self.agent = agent
        self.near = near
        super().__init__(agent, near)

    def __str__(self) -> str:
        advice = f"did you mean {self.near!r}?" if self.near else "give its class to ActorSystem(agents=[...])"
        return f"there is no agent {self.agent!r}; {advice}"


class PayloadRefused(RequestError):
    """A payload that the agent does not take, or that is too large.

    Args:
        agent: The agent's name.
        reason: What is wrong with it, with the path to the bad field.
        advice: What to do.
    """

    def __init__(self, agent: str, reason: str, advice: str = "correct it") -> None:
        self.agent = agent
        self.reason = reason
        self.advice = advice
        super().__init__(agent, reason, advice)

    def __str__(self) -> str:
        return f"the agent {self.agent!r} does not take this payload: {self.reason}; {self.advice}"


class TaskNotFound(RequestError):
    """No task of that id in this database."""

    def __init__(self, task: int, database: str = "") -> None:
        self.task = task
        self.database = database
        super().__init__(task, database)

    def __str__(self) -> str:
        where = f" in {self.database}" if self.database else ""
        return f"no task {self.task}{where}; list the tasks with: {command_line('tasks list')}"


class TaskConflict(RequestError):
    """Another task of the agent has the key.

    Args:
        agent: The agent's name.
        key: The key.
        task: The id of the task that has it.
        is_running: Whether it cannot be replaced because it runs.
    """

    def __init__(self, agent: str, key: str, task: int, is_running: bool = False) -> None:
        self.agent = agent
        self.key = key
        self.task = task
        self.is_running = is_running
        super().__init__(agent, key, task, is_running)

    def __str__(self) -> str:
        advice = "it runs, so wait for it or cancel it" if self.is_running else "take that one, or another key"
        return f"task {self.task} of the agent {self.agent!r} has the key {self.key!r} already; {advice}"


class TaskQueueFull(RequestError):
    """As many tasks of the agent are open as may be."""

    def __init__(self, agent: str, capacity: int) -> None:
        self.agent = agent
        self.capacity = capacity
        super().__init__(agent, capacity)

    def __str__(self) -> str:
        return (
            f"the agent {self.agent!r} has {counted(self.capacity, 'open task')}, which is its capacity; submit slower, start "
            f"another worker, or raise the capacity"
        )


class TaskChanged(RequestError):
    """The task is no longer of the version that the request is about.

    Args:
        task: Its id.
        version: The version that was expected.
        found: The version that it has.
    """

    def __init__(self, task: int, version: int, found: int) -> None:
        self.task = task
        self.version = version
        self.found = found
        super().__init__(task, version, found)

    def __str__(self) -> str:
        return (
            f"task {self.task} has changed: it is of version {self.found}, not {self.version}; look at it again, then "
            f"decide anew"
        )


class TaskTransitionRefused(RequestError):
    """The task's state does not allow the request."""

    def __init__(self, task: int, state: str, wanted: str, advice: str = "") -> None:
        self.task = task
        self.state = state
        self.wanted = wanted
        self.advice = advice
        super().__init__(task, state, wanted, advice)

    def __str__(self) -> str:
        return f"task {self.task} is {self.state}, it cannot become {self.wanted}" + (
            f"; {self.advice}" if self.advice else ""
        )


class UnknownDependency(RequestError):
    """A task that others are to depend on does not exist."""

    def __init__(self, task: int, on: int) -> None:
        self.task = task
        self.on = on
        super().__init__(task, on)

    def __str__(self) -> str:
        return f"task {self.task} cannot depend on task {self.on}: there is no such task; submit that one first"


class DependencyCycle(RequestError):
    """A dependency that would close a cycle.

    Args:
        cycle: The ids of its tasks; each depends on the next, the last one on the first.
    """

    def __init__(self, cycle: tuple[int, ...]) -> None:
        self.cycle = tuple(cycle)
        super().__init__(self.cycle)

    def __str__(self) -> str:
        around = " -> ".join(str(task) for task in (*self.cycle, self.cycle[0]))
        return f"this dependency would close a cycle, and none of its tasks could ever run: {around}; leave one out"


class JobNotFound(RequestError):
    """No job of that id in this database."""

    def __init__(self, job_id: str, database: str = "") -> None:
        self.job_id = job_id
        self.database = database
        super().__init__(job_id, database)

    def __str__(self) -> str:
        where = f" in {self.database}" if self.database else ""
        return f"no job {self.job_id!r}{where}; list the jobs with: {command_line('jobs list')}"


class JobClosed(RequestError):
    """A job that was cancelled, or stopped after a failure, takes no new tasks."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(job_id)

    def __str__(self) -> str:
        return f"job {self.job_id!r} was cancelled and takes no new tasks; submit them to another one"


class JobConflict(RequestError):
    """A job of that id exists already with other settings."""

    def __init__(self, job_id: str, difference: str) -> None:
        self.job_id = job_id
        self.difference = difference
        super().__init__(job_id, difference)

    def __str__(self) -> str:
        return f"job {self.job_id!r} exists already with another {self.difference}; choose another id"


class AgentsMissing(RequestError):
    """A worker that has none of the agents whose tasks wait.

    Args:
        waiting: The names of those agents.
    """

    def __init__(self, waiting: tuple[str, ...]) -> None:
        self.waiting = tuple(waiting)
        super().__init__(self.waiting)

    def __str__(self) -> str:
        names = ", ".join(repr(name) for name in self.waiting) or "no agent"
        return f"this worker has no agent for what waits ({names}); name their modules with --import"


class SharedConflict(RequestError):
    """A value of the shared state is no longer of the version that the change is about.

    Args:
        scope: Its name space.
        key: Its key.
        version: The version that was expected; 0 = that there is none.
        found: The version that it has; 0 = there is none.
    """

    def __init__(self, scope: str, key: str, version: int, found: int) -> None:
        self.scope = scope
        self.key = key
        self.version = version
        self.found = found
        super().__init__(scope, key, version, found)

    def __str__(self) -> str:
        return (
            f"the shared value {self.key!r} of {self.scope!r} is of version {self.found}, not {self.version}: somebody "
            f"was faster; read it again, then put it"
        )
