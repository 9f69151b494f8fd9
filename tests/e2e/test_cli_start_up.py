"""How fast the program answers: figures that only mean something on a quiet machine."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import pytest

from dagger_actors.cli.app import COMMANDS, GROUPS

HELP_S = 0.3
COLD_S = 0.6
ROUNDS = 9


def median_s(program, *words: str) -> float:
    times = []
    for _ in range(ROUNDS):
        for path in program.folder.glob("dagger.db*"):
            if path.is_file():
                path.unlink()
        began = time.perf_counter()
        done = program(*words)
        times.append(time.perf_counter() - began)
        assert done.returncode == 0, done.stderr
    return statistics.median(times)


@pytest.fixture
def compiled(program):
    """An installed program has its modules compiled."""
    program.environment.pop("PYTHONDONTWRITEBYTECODE", None)
    program.environment["PYTHONPYCACHEPREFIX"] = str(program.folder / "compiled")
    program("run", "rows.yaml")
    return program


@pytest.mark.full
def test_help_answers_within_0_3_s(compiled) -> None:
    """Law: the median of nine."""
    assert median_s(compiled, "--help") < HELP_S


@pytest.mark.full
def test_a_cold_flow_of_one_node_takes_less_than_0_6_s(compiled) -> None:
    """Law: from nothing to the result and the process's end, the database made; the median of nine."""
    assert median_s(compiled, "run", "rows.yaml") < COLD_S


def test_looking_loads_nothing_that_only_running_needs(program) -> None:
    """Law: `runs`, `show`, `why`, `artifacts`, `tasks list` and `jobs` answer in about half the time of a run."""
    script = (
        "import sys; import dagger_actors.cli.runs, dagger_actors.cli.why, dagger_actors.cli.artifacts; "
        "import dagger_actors.cli.tasks, dagger_actors.cli.jobs; "
        "print({'pykka', 'yaml', 'dagger_actors.system', 'dagger_actors.flow.running.hub'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=program.folder, env=program.environment, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("words", [("--help",), ("tasks", "--help"), ("jobs", "--help")])
def test_help_of_the_program_and_of_a_group_loads_neither_the_store_nor_tables(program, words) -> None:
    """Law: the commands are named, not imported."""
    script = (
        f"import sys; from dagger_actors.cli import main; main({list(words)!r}); "
        "print({'apsw', 'pykka', 'yaml', 'rich.table', 'dagger_actors.system', 'dagger_actors.tasks'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=program.folder, env=program.environment, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "set()"


def targets() -> list[str]:
    """The modules of all commands."""
    named = [*COMMANDS, *(one for _, members in GROUPS.values() for one in members)]
    return sorted({target.partition(":")[0] for _, target, _ in named})


@pytest.mark.parametrize("module", targets())
def test_the_module_of_each_command_loads_by_itself(program, module) -> None:
    """Law: whatever else is loaded, and in whichever order, a command needs nobody to have loaded it first."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"], cwd=program.folder, env=program.environment, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
