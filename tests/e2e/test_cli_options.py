"""The options that several commands share do the same for each of them; what has one is found in the application itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

import msgspec
import pytest

from dagger_actors import ActorSystem, RetryPolicy, TaskContext, task_agent
from dagger_actors.cli.app import COMMANDS, GROUPS
from dagger_actors.pubsub.declared.channel import Channel
from dagger_actors.tasks.verbs.tasks import Tasks
from tests.channels_here import ChannelsHere
from tests.command_options import names_of

BARE = """
name: bare
config: {on_failure: pause}
nodes:
  - {id: fail, action: fail}
  - {id: after, action: after, inputs: {value: fail}}
"""
SYSTEM = """
system: small
agents:
  - {id: idler, class: "idler.py:Idler"}
"""
IDLER = """
from dagger_actors import Actor, handler

class Idler(Actor):
    @handler
    def nudge(self, text: str) -> None:
        pass

def nudges():
    yield "up"
"""
WORKERS = """
from dagger_actors import task_agent

@task_agent
def other(word: str) -> int:
    return 0
"""
ASKS = {"name": "asks", "nodes": [{"id": "ok", "approval": {}}]}
TASKS = (("abc", None), ("later", 3600.0), ("", None), ("d", None))
WORDS = {
    "worker": ("--import", "workers.py", "--until-rest"),
    "up": ("small.yaml", "--until-rest"),
    "bench": ("small.yaml", "--send", "idler=idler.py:nudges"),
    "run": ("fan.yaml",),
    "resume": ("one",),
    "retry": ("one",),
    "cancel": ("one",),
    "pause": ("one",),
    "fork": ("one", "--from", "fail"),
    "questions": (),
    "approve": ("asks", "ok"),
    "reject": ("asks", "ok"),
    "signal": ("asks", "ok", "true"),
    "runs": (),
    "show": ("one",),
    "why": ("one", "after"),
    "tree": ("one",),
    "diff": ("one", "one"),
    "replay": ("one", "fail"),
    "validate": ("fan.yaml",),
    "schema": ("--import", "actions.py"),
    "graph": ("--run", "one"),
    "list": (".",),
    "artifacts list": (),
    "artifacts get": (hashlib.sha256(b"a letter").hexdigest(),),
    "artifacts export": ("one", "out"),
    "tasks list": (),
    "tasks show": ("1",),
    "tasks logs": ("1",),
    "tasks agents": (),
    "tasks submit": ("measure", '"abc"'),
    "tasks cancel": ("2",),
    "tasks retry": ("3",),
    "tasks accept": ("1",),
    "tasks reject": ("1", "--reason", "no"),
    "tasks reopen": ("4",),
    "tasks prune": ("7d",),
    "jobs list": (),
    "jobs show": ("nightly",),
    "jobs graph": ("nightly",),
    "jobs cancel": ("nightly",),
    "channels": (),
    "publish": ("orders", "{}"),
    "tail": ("orders",),
    "subscriptions list": (),
    "subscriptions show": ("shop.count",),
    "dead-letters list": (),
    "dead-letters show": ("1",),
    "dead-letters redrive": ("1",),
    "subscriptions pause": ("shop.count",),
    "subscriptions resume": ("shop.count",),
    "subscriptions seek": ("shop.count", "--to", "latest"),
    "subscriptions forget": ("shop.count", "--yes"),
}
"""What each command is given where the run ``one`` is paused, ``asks`` asks, task 1 completed, 2 delayed, 3 failed, and 4 rejected; on the channel
``orders`` a message is dead for ``shop.count``."""


def functions() -> Iterator[tuple[str, str]]:
    yield from ((name, target) for name, target, _ in COMMANDS)
    yield from ((f"{group} {name}", target) for group, (_, members) in GROUPS.items() for name, target, _ in members)


def having(parameter: str) -> list[str]:
    """The commands that have an option."""
    found = []
    for name, target in functions():
        module, _, function = target.partition(":")
        if parameter in names_of(getattr(import_module(module), function)):
            found.append(name)
    return found


@task_agent(retry=RetryPolicy(tries=1))
def measure(word: str, ctx: TaskContext) -> int:
    ctx.log(f"measures {word}")
    return len(word) or 1 // 0


def write_tasks(tasks: Tasks) -> None:
    made = [tasks.submit(measure, word, job="nightly", delay=delay) for word, delay in TASKS]
    for task in (made[0], made[2], made[3]):
        task.wait(60)
    tasks.reject(made[3], "not good enough")


def write_channels(db: Path) -> None:
    here = ChannelsHere(db, Channel("orders", dict))
    here.subscribe("shop.count", "orders")
    here.channels.publish("orders", {"item": "tea"})
    here.give_up("orders", 0)
    here.close()


@pytest.fixture
def paused(program, monkeypatch):
    """A database that is not the default one, with a paused run and an artifact."""
    monkeypatch.chdir(program.folder)
    (program.folder / "bare.yaml").write_text(BARE)
    (program.folder / "small.yaml").write_text(SYSTEM)
    (program.folder / "idler.py").write_text(IDLER)
    (program.folder / "workers.py").write_text(WORKERS)
    with ActorSystem(program.folder / "other.db", imports=["actions.py"], agents=[measure]) as system:
        assert system.flows.start("bare.yaml", run_id="one").wait(60).state == "paused"
        assert system.flows.start(ASKS, run_id="asks").wait(60).state == "paused"
        system.artifacts.put("a letter")
        write_tasks(system.tasks)
    write_channels(program.folder / "other.db")
    return program


def words_of(name: str) -> tuple[str, ...]:
    return *name.split(), *WORDS[name]


@pytest.mark.parametrize("name", having("db"))
def test_db_is_the_database_of_every_command_that_has_it(paused, name: str) -> None:
    """Law: it acts there and nowhere else; the default one does not even appear."""
    done = paused(*words_of(name), "--db", "other.db")
    if name == "worker":  # it sees there what waits, and will not be a worker that does nothing of it
        assert (done.returncode, "'measure'" in done.stderr) == (2, True), done.stderr
    else:
        # A replay of what failed fails again.
        assert done.returncode in ((1,) if name == "replay" else (0, 3)), done.stderr
    assert not (paused.folder / "dagger.db").exists()


@pytest.mark.parametrize("name", having("as_json"))
def test_json_is_one_document_of_every_command_that_has_it(paused, name: str) -> None:
    """Law: stdout is JSON alone, whatever the command."""
    where = ("--db", "other.db") if name in having("db") else ()
    assert msgspec.json.decode(paused(*words_of(name), *where, "--json").stdout)


@pytest.mark.parametrize(
    "name", [name for name in having("imports") if name not in ("tasks submit", "worker", "publish")]
)
def test_import_is_where_actions_are_for_every_command_that_has_it(paused, name: str) -> None:
    """Law: an action that is nowhere else is found there; the actions of a stored run may have moved since."""
    (paused.folder / "actions.py").rename(paused.folder / "moved.py")
    words = {"validate": ("bare.yaml",), "run": ("bare.yaml",), "graph": ("bare.yaml",), "schema": ()}
    given = (*name.split(), *words.get(name, WORDS[name]))
    where = ("--db", "other.db") if name in ("run", "resume", "retry", "fork", "replay") else ()
    refused, done = paused(*given, *where), paused(*given, *where, "--import", "moved.py")
    assert done.returncode in ((1,) if name == "replay" else (0, 3)), done.stderr
    if name == "schema":
        assert "until_cancelled  (" in done.stdout
    else:
        assert refused.returncode == 2
        assert "'fail'" in refused.stderr


def test_retry_from_runs_a_node_again_that_succeeded(program) -> None:
    """Law: --from names what is done again, with everything downstream; without it nothing is."""
    assert program("run", "fan.yaml", "--run-id", "one", "-i", "count=1").returncode == 0
    assert program("retry", "one").returncode == 0
    assert program.log() == ["work 0", "total"]
    assert program("retry", "one", "--from", "total").returncode == 0
    assert program.log() == ["work 0", "total", "total"]
    done = program("retry", "one", "--from", "work", "--from", "totl")
    assert (done.returncode, "did you mean 'total'?" in done.stderr) == (2, True), done.stderr


def test_version_is_that_of_the_package(program) -> None:
    """Law: it is the installed one, alone on stdout."""
    done = program("--version")
    assert (done.returncode, done.stdout) == (0, f"{metadata.version('dagger-actors')}\n")
