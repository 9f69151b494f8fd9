"""The work as task agents of ours: in this process, and in a second one on the same file.

python benchmarks/task_agents.py FILE      # the second: works until its standard input ends, then prints a Report
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec
from task_work import Answer, Question, answer, check, sample

from dagger_actors import ActorSystem, TaskAgent
from dagger_actors.tasks.handles.task import Task

__all__ = [
    "AGENTS",
    "PATIENCE_S",
    "Answering",
    "Begun",
    "Neighbour",
    "Report",
    "Sent",
    "Timing",
    "done",
    "expect",
    "neighbour",
    "wait_until",
]

PATIENCE_S = 600.0
LOOK_S = 0.002
"""How often it is asked whether all tasks have ended; one row is read then."""

CAPACITY = 10_000_000
CONCURRENCY = 2
"""Bodies at once, of such as take microseconds: more only wait for one another."""

done: list[int] = []
"""The numbers of the questions that this process has answered."""


class Answering(TaskAgent, capacity=CAPACITY, concurrency=CONCURRENCY):
    """Answers questions."""

    def execute(self, task: Question) -> Answer:
        done.append(task.number)
        return answer(task)


class Sent(msgspec.Struct, frozen=True):
    """A payload that says when it was to be sent, on the monotonic clock, which is one for all processes."""

    number: int
    due_ns: int


class Begun(msgspec.Struct, frozen=True):
    """How long after that its body began."""

    number: int
    late_ns: int


class Timing(TaskAgent, capacity=CAPACITY, concurrency=CONCURRENCY):
    """Looks at the clock."""

    def execute(self, task: Sent) -> Begun:
        return Begun(task.number, time.monotonic_ns() - task.due_ns)


AGENTS = (Answering, Timing)


# --- watching the file


def wait_until(connection: apsw.Connection, open_at_most: int = 0) -> None:
    """Wait until no more than so many tasks are open, whoever does them.

    Raises:
        SystemExit: It takes longer than ten minutes.
    """
    until = time.perf_counter() + PATIENCE_S
    while next(connection.execute("SELECT sum(open) FROM task_agents"))[0] > open_at_most:
        if time.perf_counter() > until:
            raise SystemExit("the tasks did not end")
        time.sleep(LOOK_S)


def expect(connection: apsw.Connection, asked: Sequence[Question], tasks: Sequence[Task]) -> None:
    """Count what has succeeded of some tasks, submitted one behind the other, and read the results of a sample back.

    Raises:
        SystemExit: Not all have, or a result is wrong.
    """
    sql = "SELECT state, count(*) FROM tasks WHERE task_key BETWEEN ? AND ? GROUP BY state"
    counted = dict(connection.execute(sql, (tasks[0].id, tasks[-1].id)))
    if counted != {"completed": len(asked)}:
        raise SystemExit(f"of {len(asked)} tasks: {counted}")
    for number in sample(len(asked)):
        check(asked[number], msgspec.convert(tasks[number].result(timeout=PATIENCE_S), Answer))


# --- the second process


class Report(msgspec.Struct, frozen=True):
    """What the second process has done.

    Attributes:
        answered: Questions.
        cpu_s: Its processor time since it was ready.
    """

    answered: int
    cpu_s: float


class Neighbour:
    """A second process at work on the file.

    Args:
        path: The file; another process must have made it.

    Attributes:
        report: Once it has left.
    """

    report: Report

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read("READY")

    def _read(self, awaited: str = "") -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line or (awaited and line != awaited):
            raise SystemExit(f"the second process said {line!r} and ended with {self._process.wait(PATIENCE_S)}")
        return line

    def leave(self) -> None:
        """Let it leave, and hear what it has done."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.report = msgspec.json.decode(self._read(), type=Report)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait(PATIENCE_S)


@contextmanager
def neighbour(path: Path) -> Iterator[Neighbour]:
    """Have a second process work, until the block is left; its report is there then."""
    other = Neighbour(path)
    try:
        yield other
    finally:
        other.leave()


def main() -> int:
    """Be the second process."""
    with ActorSystem(Path(sys.argv[1]), agents=AGENTS, synchronous="full"):
        begun_s = time.process_time()
        print("READY", flush=True)
        sys.stdin.read()
        report = Report(len(done), time.process_time() - begun_s)
    print(msgspec.json.encode(report).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
