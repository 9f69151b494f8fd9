"""A fresh process in which many threads use one database for the first time, at once."""

import subprocess
import sys
from pathlib import Path

from dagger_actors import ActorSystem, action

PROGRAM = """
import sys, threading
from dagger_actors import ActorSystem

sys.setswitchinterval(1e-6)
together, states = threading.Barrier(8), []

def look():
    together.wait()
    states.append(here.flows.report("r").state)

with ActorSystem.look(sys.argv[1]) as here:
    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(sorted(set(states)), len(states))
"""


@action
def work() -> int:
    return 1


def test_threads_that_read_definitions_for_the_first_time_at_once_do_not_crash_the_process(tmp_path: Path):
    """Law: what has to be found out about a type once is found out before there are threads."""
    path = tmp_path / "runs.db"
    with ActorSystem(path, actions=[work]) as system:
        system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "work"}]}, run_id="r").result(timeout=60)
    for _ in range(6):
        done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "['succeeded'] 8\n"), done.stderr
