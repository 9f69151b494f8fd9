"""Flows that are built in Python, in real processes: a script that dies, and others that go on with its run."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os
from dagger_actors import ActorSystem, Flow

print("executed")

def first() -> int:
    return 2

def second(n: int) -> int:
    if not os.path.exists("mended"):
        os._exit(9)
    return n + 1

flow = Flow("shaky")
one = flow.node("first", first)
flow.node("second", second, inputs={"n": one})
flow.outputs(sum=one)

with ActorSystem("dagger.db") as system:
    run = system.flows.start(flow, run_id="r1")
    print(run.result(timeout=50))
"""


def test_what_a_script_has_begun_goes_on_elsewhere(program):
    """Law: a script is its own module of actions, without a guard too; another process finds them in its file."""
    script = program.folder / "shaky.py"
    script.write_text(SCRIPT)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "shaky.py"], cwd=program.folder, env=program.environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    died = run()
    assert (died.returncode, died.stdout) == (9, "executed\n"), died.stderr
    (program.folder / "mended").touch()
    again = run()
    assert (again.returncode, again.stdout) == (0, "executed\n{'sum': 2}\n"), again.stderr
    nodes = {node["node_id"]: node for node in program.report("r1")["nodes"]}
    assert len(nodes["first"]["attempts"]) == 1


def test_another_process_resumes_it_with_the_functions_of_the_file(program):
    """Law: the entries of `actions:` that a builder makes lead another process to the functions."""
    guarded = SCRIPT.replace("with ActorSystem", "if __name__ == '__main__':\n  with ActorSystem").replace(
        "\n    ", "\n      "
    )
    (program.folder / "shaky.py").write_text(guarded.replace('print("executed")', ""))
    died = subprocess.run(
        [sys.executable, "shaky.py"], cwd=program.folder, env=program.environment, check=False, capture_output=True
    )
    assert died.returncode == 9, died.stderr
    (program.folder / "mended").touch()
    resumed = program("resume", "r1")
    assert (resumed.returncode, resumed.stdout) == (0, "sum: 2\n"), resumed.stderr
