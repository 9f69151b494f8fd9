"""One database, its log of bodies, the processes on it, and the checks that hold after any kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from tests.crash.flows import expected

REPOSITORY = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("child.py")
PATIENCE_S = 90
FINAL = frozenset({"succeeded", "failed", "skipped", "cancelled", "timed_out", "interrupted"})


class Line(NamedTuple):
    """One line of the log."""

    mark: str
    node: str
    key: str
    attempt: int
    pid: int


class Child:
    """A child process; its answers are JSON lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid

    def answer(self, key: str) -> dict[str, Any]:
        """Read up to the next answer that has this key."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            facts = json.loads(line)
            if key in facts:
                return facts
            assert "error" not in facts, facts
        raise AssertionError(f"no {key!r} from the child: {self.end()}")

    def go(self) -> None:
        """Let it through its barrier."""
        self._write("go")

    def send(self, **order: Any) -> None:
        """Give it an order more."""
        self._write(json.dumps(order))

    def _write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """``kill -9``, and wait until it is dead."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self.close()

    def complaint(self, word: str = "") -> str:
        """Read what it says on stderr, up to the line with this word; without one, to its end."""
        assert self.process.stderr is not None
        if not word:
            return self.process.stderr.read()
        told = ""
        while word not in told:
            line = self.process.stderr.readline()
            assert line, told
            told += line
        return told

    def end(self) -> str:
        """Wait for its end; what it said on stderr."""
        _, complaint = self.process.communicate(timeout=PATIENCE_S)
        return complaint

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Stage:
    """Where one run lives and dies.

    Attributes:
        folder: Holds the database, the log and the flow.
        db: The database.
        log: The log of bodies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.db = folder / "crash.db"
        self.log = folder / "bodies.log"
        self.log.touch()
        self.gate = folder / "gate"
        self.flow: dict[str, Any] = {}
        self.children: list[Child] = []
        # PYTHONPATH serves a checkout that is not installed; where it is, it is the same code.
        self.environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "BODY_LOG": str(self.log)}

    def perform(self, flow: dict[str, Any]) -> None:
        """Write the flow to be run."""
        self.flow = flow
        (self.folder / "flow.json").write_text(json.dumps(flow))

    def child(self, do: str, **order: Any) -> Child:
        """Start a child process."""
        text = json.dumps(
            {"do": do, "db": str(self.db), "run_id": "r", "flow": str(self.folder / "flow.json"), **order}
        )
        return self.start(sys.executable, str(CHILD), text)

    def start(self, *words: str) -> Child:
        process = subprocess.Popen(
            words, cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        child = Child(process)
        self.children.append(child)
        return child

    def cli(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return subprocess.run(
            [sys.executable, "-m", "dagger_actors", *words], cwd=self.folder, env=self.environment, text=True,
            capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_S, check=False, **options,
        )  # fmt: skip

    def close(self) -> None:
        """End what a failed test left running."""
        for child in self.children:
            if child.process.poll() is None:
                child.process.kill()
                child.process.wait(PATIENCE_S)
            child.close()

    # --- waiting for a moment

    def log_size(self) -> int:
        return self.log.stat().st_size

    def wait_for_log(self, lines: int, child: Child) -> None:
        """Wait until bodies have written so many lines (of 20 bytes or more), or the child has ended."""
        # Looked at again and again: another process writes the file, and a death at an instant waits for no signal.
        deadline = time.monotonic() + PATIENCE_S
        while self.log_size() < lines * 20 and child.process.poll() is None:
            assert time.monotonic() < deadline, f"{self.log_size()} bytes of log, wanted {lines} lines"
            time.sleep(0.0005)

    # --- looking

    def lines(self, begin: int = 0) -> list[Line]:
        """The log from an offset on."""
        text = self.log.read_bytes()[begin:].decode()
        assert text == "" or text.endswith("\n"), "an append is whole or not there"
        found = (line.split(" ") for line in text.splitlines())
        return [
            Line(mark, node, "" if key == "-" else key, int(attempt), int(pid))
            for mark, node, key, attempt, pid in found
        ]

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        """Ask the file through a read-only connection."""
        if not self.db.exists():
            return []
        connection = apsw.Connection(str(self.db), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return list(connection.execute(sql, parameters))
        except apsw.SQLError as error:
            if "no such table" not in str(error):
                raise
            return []  # killed before the first migration was committed
        finally:
            connection.close()

    def status(self) -> str | None:
        """The run's state; None when it was not stored."""
        found = self.query("SELECT status FROM flow_runs WHERE run_id = 'r'")
        return found[0][0] if found else None

    def final_rows(self) -> set[tuple[str, str, int]]:
        """Attempts that have ended, by (node, key, attempt)."""
        rows = self.query("SELECT node_id, invocation_key, attempt, state FROM node_runs")
        return {(node, key, attempt) for node, key, attempt, state in rows if state in FINAL}

    def succeeded(self) -> set[tuple[str, str]]:
        """Invocations that have succeeded."""
        return set(self.query("SELECT node_id, invocation_key FROM node_runs WHERE state = 'succeeded'"))


class Kill(NamedTuple):
    """What stood in the file and in the log when a process had just died."""

    log_size: int
    status: str | None
    done: set[tuple[str, str]]
    final: set[tuple[str, str, int]]


def look(stage: Stage) -> Kill:
    """Look at what a dead process left, before anybody goes on."""
    return Kill(stage.log_size(), stage.status(), stage.succeeded(), stage.final_rows())


class Outcome(NamedTuple):
    """Figures of one story: bodies begun once more than needed, and rows that say so."""

    repeats: int
    interrupted: int


def check(stage: Stage, kills: list[Kill], *, limit: int) -> Outcome:
    """Hold a finished run of a ``mixed`` flow against every law a kill could break."""
    assert [row[0] for row in stage.query("PRAGMA integrity_check")] == ["ok"]
    assert stage.query("PRAGMA foreign_key_check") == []
    odd = "state NOT IN ('succeeded', 'interrupted') AND NOT (node_id LIKE 'flaky%' AND state = 'failed')"
    assert (
        stage.status(),
        stage.query(f"SELECT node_id, invocation_key, attempt, state, reason FROM node_runs WHERE {odd} LIMIT 5"),
    ) == ("succeeded", [])
    assert stage.query("SELECT owner FROM flow_runs") == [(None,)]
    check_outputs(stage)
    lines = stage.lines()
    starts = Counter((line.node, line.key, line.attempt) for line in lines if line.mark == "start")
    twice = {place: count for place, count in starts.items() if count > 1}
    assert twice == {}, "an attempt was executed twice"
    rows = {
        (node, key, attempt): state
        for node, key, attempt, state in stage.query("SELECT node_id, invocation_key, attempt, state FROM node_runs")
        if not (node == "each" and key == "")
    }
    assert {place for place in starts if place not in rows} == set(), "a body ran that no row tells of"
    ended = {place for place, state in rows.items() if state in ("succeeded", "failed")}
    assert {place for place in ended if place not in starts} == set(), "a row tells of a body that never ran"
    assert set(rows.values()) <= {"succeeded", "failed", "interrupted"}
    interrupted = len(rows) - len(ended)
    repeats = sum(starts.values()) - len(ended)
    assert interrupted <= limit * len(kills)
    assert repeats <= interrupted
    for kill in kills:
        again = [
            line for line in stage.lines(kill.log_size) if line.mark == "start" and (line.node, line.key) in kill.done
        ]
        assert again == [], "what was committed was done again"
        assert kill.final <= stage.final_rows()
    check_width(lines, limit)
    return Outcome(repeats, interrupted)


def check_outputs(stage: Stage) -> None:
    """Every invocation gave what it gives undisturbed."""
    wanted = expected(stage.flow)
    found = stage.query(
        "SELECT n.node_id, n.invocation_key, n.output, a.inline_data, a.file_path FROM node_runs AS n "
        "LEFT JOIN artifacts AS a ON a.artifact_id = n.output_artifact_id WHERE n.state = 'succeeded'"
    )
    given: dict[tuple[str, str], Any] = {}
    for node, key, output, inline, file in found:
        assert (node, key) not in given, "an invocation succeeded twice"
        content = output
        if inline is not None:
            content = inline.decode()
        elif file is not None:
            content = artifact_file(stage, file).read_text()
        given[node, key] = None if content is None else json.loads(content)
    assert given.keys() == wanted.keys()
    assert {place: value for place, value in given.items() if value != wanted[place]} == {}


def artifact_file(stage: Stage, name: str) -> Path:
    found = [path for path in stage.folder.rglob(Path(name).name) if path.is_file()]
    assert len(found) == 1, (name, found)
    return found[0]


def check_width(lines: list[Line], limit: int) -> None:
    """Never more bodies at once, in one process, than the run's limit."""
    inside: Counter[int] = Counter()
    for line in lines:
        inside[line.pid] += 1 if line.mark == "start" else -1
        assert inside[line.pid] <= limit, f"{inside[line.pid]} bodies at once"
