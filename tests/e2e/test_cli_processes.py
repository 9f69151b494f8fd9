"""``--processes``: how many worker processes a command may have at once."""

from __future__ import annotations

import msgspec
import pytest

ACTIONS = """
import os, time
from pathlib import Path
from dagger_actors import action

@action
def meet(item: int, wanted: int) -> list[float]:
    if not os.path.exists("mended"):
        raise ValueError("not yet")
    begun = time.monotonic()
    Path("here").mkdir(exist_ok=True)
    Path(f"here/{item}").touch()
    while len(os.listdir("here")) < wanted:
        if time.monotonic() - begun > 100:
            raise TimeoutError("the others never came")
        time.sleep(0.01)
    return [os.getpid(), begun, time.monotonic()]
"""
FLOW = """
name: meeting
actions: [meeting.py]
inputs: {wanted: {type: int}, items: [0, 1, 2]}
config: {on_failure: %s}
nodes:
  - id: meet
    action: meet
    isolation: process
    map: {over: inputs.items, item: item}
    inputs: {wanted: inputs.wanted}
"""


@pytest.mark.parametrize("verb", ["run", "resume", "retry"])
@pytest.mark.parametrize("count", [1, 3])
def test_so_many_worker_processes_run_at_once(program, verb: str, count: int) -> None:
    """Law: with 1 they come one after the other, in one process; with 3 all three are there at once, on any machine."""
    (program.folder / "meeting.py").write_text(ACTIONS)
    (program.folder / "meeting.yaml").write_text(FLOW % ("pause" if verb == "resume" else "stop"))
    given = ("run", "meeting.yaml", "--run-id", "one", "-i", f"wanted={count}")
    words = given if verb == "run" else (verb, "one")
    if verb != "run":
        assert program(*given).returncode == (3 if verb == "resume" else 1)
    (program.folder / "mended").touch()
    done = program(*words, "--processes", str(count), "--json")
    assert done.returncode == 0, done.stderr
    spans = sorted(msgspec.json.decode(done.stdout)["outputs"]["meet"], key=lambda span: span[1])
    if count == 1:
        assert len({pid for pid, _, _ in spans}) == 1
        assert spans[0][2] <= spans[1][1] <= spans[1][2] <= spans[2][1]
    else:
        assert len({pid for pid, _, _ in spans}) == 3


@pytest.mark.parametrize("words", [("run", "fan.yaml"), ("resume", "one"), ("retry", "one")])
def test_a_number_that_cannot_be_is_one_sentence(program, words: tuple[str, ...]) -> None:
    """Law: exit 2, and nothing has been run."""
    assert program("run", "broken.yaml", "--run-id", "one").returncode == 1
    done = program(*words, "--processes", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "dagger-actors: processes is a whole number, 1 or more, not 0\n"
    assert program.log() == ["fail"]
