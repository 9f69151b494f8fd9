"""FAULTS 12 and 15 for tasks: what user code does to itself, its thread, its process or its worker harms no other task."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from dagger_actors import ActorSystem
from tests.crash.bad_tasks import AGENTS
from tests.crash.stage import REPOSITORY

FATAL = ("os._exit", "segfault")
RAISES = ("exits", "interrupts")
RESULTS = ("nothing that can be stored", "a lone surrogate", "a cycle")


def test_whatever_a_body_does_its_own_task_alone_has_failed(tmp_path: Path) -> None:
    """Law: exits, interrupts and results that cannot be stored are failures with an error; all else is done."""
    agents = ("on_a_thread", "on_the_loop", "in_a_process")
    with ActorSystem(tmp_path / "a.db", agents=AGENTS, processes=1) as system:
        bad = [system.tasks.submit(agent, how) for agent in agents for how in (*RAISES, *RESULTS)]
        good = [system.tasks.submit(agent, "fine") for agent in agents]
        assert [task.result(timeout=60) for task in good] == ["fine"] * 3
        reports = [task.wait(timeout=60) for task in bad]
        assert {report.state for report in reports} == {"failed"}
        assert all(report.error for report in reports)
        assert [task.result(timeout=60) for task in good] == ["fine"] * 3
        assert system.tasks.submit("on_a_thread", "fine").result(timeout=60) == "fine"


@pytest.mark.parametrize("how", FATAL)
def test_a_body_that_kills_its_worker_process_fails_by_name_or_is_parked(tmp_path: Path, how: str) -> None:
    """Law: its process is replaced; at most once means that nobody tries it again."""
    with ActorSystem(tmp_path / "a.db", agents=AGENTS, processes=1) as system:
        task, once = system.tasks.submit("in_a_process", how), system.tasks.submit("in_a_process_once", how)
        report, parked = task.wait(timeout=60), once.wait(timeout=60)
        assert report.state == "failed"
        assert report.error is not None
        assert report.error.type.endswith("WorkerDied")
        assert (parked.state, parked.reason) == ("paused", "interrupted")
        assert system.tasks.submit("in_a_process", "fine").result(timeout=60) == "fine"


WORKER = """
import sys
from dagger_actors import ActorSystem
from tests.crash.bad_tasks import AGENTS

with ActorSystem(sys.argv[1], agents=AGENTS, processes=1) as system:
    if len(sys.argv) > 2:
        system.tasks.submit("on_a_thread", sys.argv[2])
    print(system.tasks.submit("on_the_loop", "fine").result(timeout=60), flush=True)
    while system.tasks.tasks(state=["ready", "running"]):  # in one look: what a dead worker ran becomes ready between two
        pass
"""


def test_a_task_that_kills_its_worker_every_time_is_parked_as_poison(tmp_path: Path) -> None:
    """Law: three deaths and no more; the tombstones tell of each; the fourth worker lives and does the rest."""
    db = tmp_path / "a.db"
    ends = []
    for number in range(4):
        words = [sys.executable, "-c", WORKER, str(db), *(["os._exit"] if number == 0 else [])]
        worker = subprocess.run(words, cwd=REPOSITORY, timeout=90, check=False, capture_output=True, text=True)
        ends.append(worker.returncode)
    assert ends == [3, 3, 3, 0], worker.stderr
    assert worker.stdout == "fine\n"
    connection = apsw.Connection(str(db))
    found = list(connection.execute("SELECT state, reason, crash_no, owner FROM tasks WHERE agent = 'on_a_thread'"))
    outcomes = list(connection.execute("SELECT outcome, count(DISTINCT worker) FROM task_attempts GROUP BY 1"))
    rest = list(connection.execute("SELECT DISTINCT state FROM tasks WHERE agent = 'on_the_loop'"))
    connection.close()
    assert found == [("paused", "poison", 3, None)]
    assert outcomes == [("interrupted", 3)]
    assert rest == [("completed",)]


FORK = """
import json, os, sys
from dagger_actors import ActorSystem
from tests.crash.bad_tasks import AGENTS

def in_child(do):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            text = repr(do())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        told = answers.read()
    os.waitpid(pid, 0)
    return told

with ActorSystem(sys.argv[1], agents=AGENTS) as system:
    done = system.tasks.submit("on_a_thread", "fine")
    done.result(timeout=60)
    told = {
        "submit": in_child(lambda: system.tasks.submit("on_a_thread", "fine")),
        "many": in_child(lambda: system.tasks.submit_many("on_a_thread", ["fine"])),
        "wait": in_child(lambda: done.wait(timeout=5)),
        "cancel": in_child(lambda: done.cancel()),
        "leave": in_child(lambda: system.stop()),
    }
    told["parent"] = system.tasks.submit("on_a_thread", "fine").result(timeout=60)
print(json.dumps(told))
"""


def test_a_copy_of_the_process_is_refused_and_its_parent_goes_on(tmp_path: Path) -> None:
    """Law: FAULTS 12; a fork shares neither lease nor lock: whatever it asks of tasks is refused by name."""
    words = [sys.executable, "-c", FORK, str(tmp_path / "a.db")]
    done = subprocess.run(words, cwd=REPOSITORY, timeout=90, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("parent") == "fine"
    assert told.pop("leave") == "None"
    names = {one.partition(":")[0] for one in told.values()}
    assert len(names) == 1, told
    assert "fork" in next(iter(names)).lower(), told
