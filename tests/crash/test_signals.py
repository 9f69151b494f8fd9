"""Ctrl-C and SIGTERM in the middle of a large flow: an orderly end, in which nothing at all is lost or repeated.

What a person sees of it is in ``tests/e2e``.
"""

from __future__ import annotations

import shlex
import signal
import sys
import threading

import pytest

from dagger_actors.cli.watch import Interrupts
from tests.crash.flows import mixed
from tests.crash.stage import Outcome, check, look


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.full)])
def test_an_interrupted_command_leaves_nothing_to_be_repeated(stage, number):
    """Law: exit 130; every body that began has ended and is stored; the printed line finishes the run."""
    limit = 16
    stage.perform(mixed(limit=limit, scale=2, tail=25, gate=stage.gate))
    words = ("-m", "dagger_actors", "run", "flow.json", "--db", str(stage.db), "--run-id", "r")
    child = stage.start(sys.executable, *words)
    stage.wait_for_log(600, child)
    child.process.send_signal(number)
    told = child.complaint("stopping: ")
    stage.gate.touch()  # before it was told the run could not end; now it has a second left
    told += child.complaint()
    child.end()
    assert child.process.returncode == 130, told[-500:]
    left = look(stage)
    assert left.status == "running"
    assert stage.query("SELECT owner FROM flow_runs") == [(None,)], "it is given back"
    begun = {(line.node, line.key, line.attempt) for line in stage.lines()}
    assert begun <= left.final, "a body ran whose end is not stored"
    line = next(line for line in told.splitlines() if "dagger-actors resume" in line)
    command = shlex.split(line[line.index("dagger-actors") :])
    done = stage.cli(*command[1:])
    assert done.returncode == 0, done.stderr
    assert check(stage, [left], limit=limit) == Outcome(repeats=0, interrupted=0)


def test_a_signal_is_heard_though_the_kernel_gives_it_to_another_thread():
    """Law: a main thread that waits learns of a signal at once, whichever thread takes it from the kernel."""

    def take_it() -> None:
        # By now the main thread waits; were it late, it would hear of the signal all the same.
        threading.Event().wait(0.1)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    with Interrupts() as interrupts:
        taker = threading.Thread(target=take_it)
        taker.start()
        assert interrupts.words.get(timeout=10) is signal.SIGTERM
        taker.join()
