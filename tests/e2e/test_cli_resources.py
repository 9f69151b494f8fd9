"""``--resources``: every command that runs users' code makes what the code gets by ``ctx.resource``, as its program would."""

from __future__ import annotations

import pytest

POOLS = """
import contextlib, sys

class Pool:
    word = "pooled"

@contextlib.contextmanager
def pool():
    print("pool opened", file=sys.stderr)
    yield Pool()
    print("pool closed", file=sys.stderr)

RESOURCES = {Pool: pool}
"""
CODE = """
from pathlib import Path
import msgspec
from dagger_actors import Context, Subscriber, TaskContext, TurnContext, action, subscribe, task_agent

@action
def says(ctx: Context) -> str:
    return ctx.resource(Pool).word

@action
def mended(ctx: Context) -> str:
    if not Path("mended").exists():
        raise ValueError("broken")
    return ctx.resource(Pool).word

@task_agent
def asks(task: None, ctx: TaskContext) -> str:
    return ctx.resource(Pool).word

class Word(msgspec.Struct, frozen=True):
    text: str

class Reader(Subscriber):
    @subscribe("words")
    def read(self, word: Word, ctx: TurnContext) -> None:
        Path("read.txt").write_text(ctx.resource(Pool).word)

def words():
    return [Word("one"), Word("two")]
"""
FLOW = "name: pooled\nactions: [%s]\nnodes: [{id: says, action: says}, {id: mended, action: mended, dependencies: [says]}]\n"
SYSTEM = """
system: pooled
channels: {words: {type: "acts.py:Word"}}
agents:
  - {id: reader, class: "acts.py:Reader"}
  - {id: asks, class: "acts.py:asks"}
"""
RESOURCES = ("--resources", "pools.py:RESOURCES")
OPENED = "pool opened\n"


@pytest.fixture
def pooled(program):
    (program.folder / "pools.py").write_text(POOLS)
    (program.folder / "acts.py").write_text(f"from pools import Pool\n{CODE}")
    (program.folder / "pooled.yaml").write_text(FLOW % "acts.py")
    (program.folder / "system.yaml").write_text(SYSTEM)
    return program


@pytest.mark.parametrize("folder", ["", "inner/"])
@pytest.mark.parametrize("module", ["pools.py", "acts.py", "pools"])
def test_runs_get_them_whichever_command_goes_on(program, folder, module):
    """Law: types are the same by whatever name their file is imported, beside the actions or with them, on sys.path or not."""
    inner = program.folder / folder
    inner.mkdir(exist_ok=True)
    is_one_file = module == "acts.py"
    (inner / "pools.py").write_text(POOLS)
    (inner / "acts.py").write_text((POOLS if is_one_file else "from pools import Pool\n") + CODE)
    (inner / "pooled.yaml").write_text(FLOW % "acts.py")
    if folder and not module.endswith(".py"):
        module = "inner.pools"
    named = ("--resources", f"{module if not module.endswith('.py') else folder + module}:RESOURCES")
    failed = program("run", f"{folder}pooled.yaml", "--run-id", "p", *named)
    assert (failed.returncode, failed.stderr.count(OPENED), failed.stderr.count("pool closed\n")) == (1, 1, 1)
    assert f"retry p {' '.join(named)} --db" in failed.stderr
    assert "ValueError: broken" in failed.stderr
    (program.folder / "mended").touch()
    for words in (("retry", "p"), ("fork", "p", "--from", "says", "--run-id", "q")):
        done = program(*words, *named)
        assert (done.returncode, "pooled" in done.stdout) == (0, True), done.stderr
        assert done.stderr.startswith(OPENED)
    done = program("replay", "q", "says", *named)
    assert (done.returncode, done.stdout) == (0, '"pooled"\n'), done.stderr


def test_a_resumed_run_gets_them(pooled):
    """Law: `resume RUN` and `resume --all` make them, before the code of any run is imported."""
    text = (FLOW % "acts.py").replace("nodes: [", "nodes: [{id: asked, approval: {message: go, type: bool}}, ")
    (pooled.folder / "asking.yaml").write_text(text.replace("action: says", "action: says, dependencies: [asked]"))
    (pooled.folder / "mended").touch()
    for run_id, words in (("a", ("a",)), ("b", ("--all",))):
        assert pooled("run", "asking.yaml", "--run-id", run_id).returncode == 3
        assert pooled("approve", run_id, "asked").returncode == 0
        done = pooled("resume", *words, *RESOURCES)
        assert (done.returncode, done.stderr.count(OPENED)) == (0, 1), done.stderr


def test_workers_and_those_who_submit_get_them(pooled):
    """Law: task agents of a worker, of a system file and of `tasks submit --wait` have them."""
    submitted = pooled("tasks", "submit", "asks", "--import", "acts.py")
    done = pooled("worker", "--import", "acts.py", "--until-rest", *RESOURCES)
    assert (done.returncode, done.stderr.startswith(OPENED)) == (0, True), done.stderr
    assert '"pooled"' in pooled("tasks", "show", submitted.stdout.strip(), "--json").stdout
    done = pooled("tasks", "submit", "asks", "--import", "acts.py", "--wait", *RESOURCES)
    assert (done.returncode, done.stdout) == (0, "pooled\n"), done.stderr
    refused = pooled("tasks", "submit", "asks", "--import", "acts.py", *RESOURCES)
    assert (refused.returncode, "--resources is for a task that this process does" in refused.stderr) == (2, True)


@pytest.mark.parametrize("words", [("up", "system.yaml", "--until-rest"), ("worker", "system.yaml", "--until-rest")])
def test_systems_get_them(pooled, words):
    """Law: what a system file runs has them."""
    assert pooled("tasks", "submit", "asks", "--import", "acts.py", "--db", "s.db").returncode == 0
    done = pooled(*words, "--db", "s.db", *RESOURCES)
    assert (done.returncode, done.stderr.startswith(OPENED)) == (0, True), done.stderr
    assert '"state": "completed"' in pooled("tasks", "list", "--json", "--db", "s.db").stdout


def test_a_system_that_is_measured_gets_them(pooled):
    """Law: `bench` measures the code with its resources."""
    done = pooled("bench", "system.yaml", "--publish", "words=acts.py:words", "--count", "2", *RESOURCES)
    assert (done.returncode, done.stderr.startswith(OPENED)) == (0, True), done.stderr
    assert (pooled.folder / "read.txt").read_text() == "pooled"


@pytest.mark.parametrize(
    "words",
    [
        ("run", "pooled.yaml", "--db", "new.db"), ("up", "system.yaml", "--db", "new.db"),
        ("worker", "system.yaml", "--db", "new.db"), ("bench", "system.yaml", "--publish", "words=acts.py:words"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("pools.py:nothing", "'pools.py:nothing' names no mapping of resources"),
        ("pools.py:pool", "'pools.py:pool' is no mapping but function"),
        ("gone.py:RESOURCES", "there is no file 'gone.py'"),
        ("pools.py", "Write file.py:NAME, where NAME is what your program gives ActorSystem(resources=NAME)"),
    ],
)
def test_mistakes_are_told_the_same_everywhere(pooled, words, reference, told):
    """Law: as `replay` tells them, and before a database is made."""
    done = pooled(*words, "--resources", reference)
    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
    assert not (pooled.folder / "new.db").exists()
    assert "validate" not in done.stderr  # the mistake is not in the spec


def test_who_gives_none_is_told_the_option(pooled):
    """Law: the attempt fails, and says how to give a resource in Python and on the command line."""
    done = pooled("run", "pooled.yaml")
    assert (done.returncode, "--resources FILE.py:NAME" in done.stderr) == (1, True), done.stderr
