"""Attempts in worker processes: they do what threads do, can be killed, and harm nobody."""

import os
import resource
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagger_actors import ActorSystem, DefinitionError, RunFailed, action
from dagger_actors.bodies.processes import pool
from dagger_actors.errors import RequestError
from dagger_actors.testing.simulation import simulate
from tests.busy import begun_in_time

BODIES = str(Path(__file__).with_name("bodies.py"))


def flow(*nodes: dict[str, Any], **config: Any) -> dict[str, Any]:
    made = [{"isolation": "process", **node} for node in nodes]
    return {"name": "processes", "actions": [BODIES], "config": config, "nodes": made}


def node(name: str, /, node_id: str = "", **keys: Any) -> dict[str, Any]:
    return {"id": node_id or name, "action": name, **keys}


def outputs(system: ActorSystem, *nodes: dict[str, Any], **config: Any) -> dict[str, Any]:
    return system.flows.start(flow(*nodes, **config)).result(60)


def wait_gone(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    assert select.select([descriptor], [], [], 30)[0], f"{pid} lives"
    os.close(descriptor)


def has_lines(path: Path) -> bool:
    """Whether anything whole has been written."""
    return path.exists() and path.read_text().endswith("\n")


def test_a_plain_function_runs_in_a_session_of_its_own() -> None:
    with ActorSystem() as system:
        facts = outputs(system, node("facts"))["facts"]
    assert facts["pid"] != os.getpid()
    assert facts["session"] == facts["pid"], "Ctrl-C of the terminal does not reach it"
    assert facts["attempt"] == 1
    assert facts["key"].endswith("/facts")


def test_without_the_key_it_runs_here() -> None:
    with ActorSystem() as system:
        assert outputs(system, {**node("who"), "isolation": "thread"})["who"] == os.getpid()


def test_a_coroutine_function_runs_there_too() -> None:
    with ActorSystem() as system:
        assert outputs(system, node("coroutine", inputs={"word": {"value": "ab"}})) == {"coroutine": "abab"}


def test_large_outputs_and_artifacts_go_both_ways() -> None:
    with ActorSystem() as system:
        found = outputs(
            system,
            node("large"),
            node("total", dependencies=["large"]),
            node("keep"),
            node("fetch", dependencies=["keep"]),
        )
    assert found == {"total": sum(range(20_000)), "fetch": 50_000}


@pytest.mark.parametrize(("threshold", "location"), [(50_000, "file"), (50_001, "inline")])
def test_a_worker_keeps_to_the_artifact_threshold(tmp_path: Path, threshold: int, location: str) -> None:
    """Law: the system's option decides there too, for what is saved and for what is returned."""
    with ActorSystem(tmp_path / "a.db", artifact_threshold=threshold) as system:
        outputs(system, node("keep"))
        assert {one.location for one in system.artifacts.list()} == {location}


def test_a_worker_is_kept_and_replaced_after_so_many_attempts() -> None:
    with ActorSystem(processes=1, process_attempts=2) as system:
        found = outputs(system, *[node("who", f"n{number}") for number in range(4)])
    pids = list(found.values())
    assert sorted(map(pids.count, set(pids))) == [2, 2]


def test_so_many_run_at_once(tmp_path: Path) -> None:
    """The law: ``processes`` at most, and no time-out runs while an attempt waits for one."""
    path = str(tmp_path / "begun")
    with ActorSystem(processes=2) as system:
        nodes = [node("stay", f"n{number}", inputs={"path": {"value": path}}, timeout=0.7) for number in range(4)]
        report = system.flows.start(flow(*nodes, on_failure="continue")).wait(60)
    assert [one.state for one in report.nodes] == ["timed_out"] * 4
    starts = sorted(one.attempts[0].started_us or 0 for one in report.nodes)
    assert starts[2] - starts[0] > 600_000, "the third waited for a worker"


def test_a_time_out_kills_and_the_next_run_works(tmp_path: Path) -> None:
    path = tmp_path / "begun"
    with ActorSystem(processes=1) as system:
        outputs(system, node("who"))  # so that a worker is there when its time begins
        spec = flow(node("stay", timeout=1, inputs={"path": {"value": str(path)}}))
        report = begun_in_time(lambda: system.flows.start(spec).wait(60), lambda _: has_lines(path))
        assert report.nodes[0].state == "timed_out"
        wait_gone(int(path.read_text().splitlines()[-1]))
        assert outputs(system, node("who"))["who"] != os.getpid()


def test_leaving_the_system_leaves_no_worker() -> None:
    with ActorSystem() as system:
        pid = outputs(system, node("who"))["who"]
        os.kill(pid, 0)
    wait_gone(pid)


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ("sys.exit", "builtins.SystemExit", "3"),
        ("os._exit", "dagger_actors.errors.WorkerDied", "exit status 7"),
        ("segfault", "dagger_actors.errors.WorkerDied", "signal SIGSEGV; it wrote last: last words"),
        ("closed descriptors", "dagger_actors.errors.WorkerDied", "died"),
        ("garbage", "dagger_actors.errors.WorkerDied", "it closed its connection"),
        ("group", "dagger_actors.errors.WorkerDied", "signal SIGKILL"),
        ("killed", "dagger_actors.errors.WorkerDied", "signal SIGKILL"),
        ("memory", "builtins.MemoryError", ""),
    ],
)
def test_a_crime_fails_its_attempt_and_harms_nobody(what: str, error: str, words: str, tmp_path: Path) -> None:
    with ActorSystem(processes=2, process_memory_mib=1024) as system:
        nodes = (node("crime", inputs={"what": {"value": what}}, try_count=2, retry_strategy="immediate"), node("who"))
        report = system.flows.start(flow(*nodes, on_failure="continue")).wait(60)
        bad, good = report.nodes
        assert good.state == "succeeded"
        assert [attempt.state for attempt in bad.attempts] == ["failed", "failed"], "it is retried like any failure"
        assert bad.attempts[1].error is not None
        assert bad.attempts[1].error.type == error
        assert words in bad.attempts[1].error.message
        assert outputs(system, node("place"))["place"] == str(Path.cwd())


def test_how_a_process_ended_is_told_though_its_connection_was_gone_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: descriptors go first; on a busy machine a process takes its time to end behind them."""
    monkeypatch.setattr(pool, "DYING_S", 30.0)
    with ActorSystem(processes=1) as system:
        report = system.flows.start(flow(node("crime", inputs={"what": {"value": "ends late"}}))).wait(60)
    error = report.nodes[0].attempts[0].error
    assert error is not None
    assert "exit status 7" in error.message


def test_a_program_with_thousands_of_open_files_has_worker_processes_too() -> None:
    """Law: no descriptor is too high, for an end or for a death."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with ActorSystem(processes=1) as system:
            nodes = (
                node("crime", inputs={"what": {"value": "os._exit"}}),
                node("facts", dependencies=["crime"], trigger="all_done"),
            )
            bad, good = system.flows.start(flow(*nodes, on_failure="continue")).wait(60).nodes
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert bad.attempts[0].error is not None
    assert "exit status 7" in bad.attempts[0].error.message
    assert good.state == "succeeded"


def test_a_flood_and_a_changed_directory_and_a_daemon_stay_theirs() -> None:
    with ActorSystem(processes=1) as system:
        assert outputs(system, node("flood")) == {"flood": "done"}
        outputs(system, node("move"))
        assert outputs(system, node("place"))["place"] == str(Path.cwd())
        pid = outputs(system, node("daemon"))["daemon"]
    wait_gone(pid)


def test_the_memory_limit_is_the_kernels() -> None:
    with ActorSystem(process_memory_mib=700) as system:
        assert outputs(system, node("limit"))["limit"] == 700 << 20


@pytest.mark.parametrize(
    ("option", "value"),
    [("processes", 0), ("process_attempts", 0), ("process_memory_mib", 1), ("processes", True)],
)
def test_options_that_cannot_be_are_refused(option: str, value: Any) -> None:
    with pytest.raises(RequestError, match=option):
        ActorSystem(**{option: value})


@pytest.mark.parametrize(
    ("isolation", "name", "words"),
    [
        ("thread", "coroutine", "`isolation: thread` needs a plain function"),
        ("async", "who", "`isolation: async` needs a coroutine function"),
        ("fibre", "who", "isolation"),
    ],
)
def test_a_function_of_the_other_kind_is_a_load_error(isolation: str, name: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.yaml"
    path.write_text(
        f"name: f\nactions: [{BODIES}]\ninputs: {{word: a}}\nnodes:\n  - id: a\n    action: {name}\n    isolation: {isolation}\n"
    )
    with ActorSystem() as system, pytest.raises(DefinitionError) as raised:
        system.flows.load(path)
    problem = raised.value.problems[0]
    assert words in problem.message
    assert problem.advice or isolation == "fibre"
    assert (problem.line, problem.column) == (7, 16)


def make_closure() -> Callable[[], int]:
    @action
    def closure() -> int:
        return 1

    return closure


def test_what_cannot_be_imported_elsewhere_is_a_load_error() -> None:
    with (
        ActorSystem(actions=[make_closure()]) as system,
        pytest.raises(DefinitionError, match=r"cannot be imported by another process.*\n.*top of a module"),
    ):
        system.flows.start(flow(node("closure")))


def test_an_unguarded_script_does_not_spawn_without_end(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from dagger_actors import ActorSystem, action\n"
        "@action\ndef f() -> int:\n    return 1\n"
        "with ActorSystem(actions=[f]) as system:\n"
        "    nodes = [{'id': 'f', 'action': 'f', 'isolation': 'process'}]\n"
        "    print(system.flows.start({'name': 'x', 'nodes': nodes}).wait(60).error)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True)
    assert "__main__" in done.stdout


def test_simulated_it_runs_in_place() -> None:
    """Documented: virtual time cannot cover processes, so their bodies take seeded turns like any other."""
    with simulate(1) as sim, sim.system() as system:
        assert outputs(system, node("who"))["who"] == os.getpid()


def test_nothing_of_processes_is_loaded_without_such_a_node() -> None:
    code = (
        "import sys\nfrom dagger_actors import ActorSystem, action\n"
        "@action\ndef f() -> int:\n    return 1\n"
        "with ActorSystem(actions=[f]) as system:\n"
        "    system.flows.start({'name': 'x', 'nodes': [{'id': 'f', 'action': 'f'}]}).result(60)\n"
        "print([m for m in ('multiprocessing', 'dagger_actors.bodies.processes.pool') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_failure_there_is_a_failure_here() -> None:
    with ActorSystem() as system, pytest.raises(RunFailed, match="SystemExit"):
        outputs(system, node("crime", inputs={"what": {"value": "sys.exit"}}))
