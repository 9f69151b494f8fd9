"""``schema``, ``init`` and ``completion``: what a new user types first."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import jsonschema
import msgspec
import pytest
import yaml

from dagger_actors import ActorSystem, action

HINTS = '''
import typing
import msgspec
from dagger_actors import Context, action

class Row(msgspec.Struct):
    """One row."""
    name: str
    size: int = 0

class Mine:
    pass

@action
def measure(rows: list[Row], mine: Mine, odd: typing.Callable[[], int] = len, limit: int = 10, *, ctx: Context) -> Row:
    """Measure \\x1b rows.

    All of them.
    """

@action
def anything(**more): ...
'''


def test_schema_prints_the_schema_of_flow_files(program, repository):
    """Law: one JSON document on stdout, which accepts the flows of this repository and refuses a wrong key."""
    done = program("schema")
    assert (done.returncode, done.stderr) == (0, "")
    schema = msgspec.json.decode(done.stdout)
    assert program("schema", "--json").stdout == done.stdout
    flow = yaml.safe_load((repository / "specs/census.yaml").read_text())
    jsonschema.validate(flow, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**flow, "nodez": []}, schema)


def test_schema_lists_what_actions_take_and_give(program):
    """Law: inputs by name, output, docstring; a type without a schema is shown by its name, hostile text escaped."""
    (program.folder / "hints.py").write_text(HINTS)
    done = program("schema", "--import", "hints.py", "--json")
    assert done.returncode == 0, done.stderr
    other, one = msgspec.json.decode(done.stdout)
    assert one["name"] == "measure"
    assert one["place"].endswith("hints.py:14")
    assert one["description"] == "Measure \x1b rows.\n\nAll of them."
    assert one["inputs"]["required"] == ["rows", "mine"]
    assert one["inputs"]["additionalProperties"] is False
    properties = one["inputs"]["properties"]
    assert properties["rows"] == {"type": "array", "items": {"$ref": "#/$defs/Row"}}
    assert properties["mine"]["x-python-type"].endswith(".Mine")
    assert "Callable" in properties["odd"]["x-python-type"]
    assert properties["limit"] == {"type": "integer", "default": 10}
    assert "ctx" not in properties
    assert one["output"]["$ref"] == "#/$defs/Row"
    assert one["output"]["$defs"]["Row"]["properties"]["size"] == {"type": "integer", "default": 0}
    jsonschema.validate({"rows": [{"name": "a"}], "mine": 0}, one["inputs"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"rows": [{}], "mine": 0}, one["inputs"])
    assert (other["name"], other["inputs"]["additionalProperties"], other["output"]) == ("anything", True, {})
    told = program("schema", "--import", "hints.py")
    assert told.returncode == 0
    assert "measure  (" in told.stdout
    assert "    Measure \\x1b rows.\n\n    All of them.\n" in told.stdout
    assert '  limit?: {"type":"integer","default":10}\n' in told.stdout
    assert '  -> {"$ref":"#/$defs/Row"}\n' in told.stdout
    assert "anything  (" in told.stdout
    assert "  ...: anything\n  -> anything\n" in told.stdout


AGENTS = '''
from __future__ import annotations
import msgspec
from dagger_actors import Snooze, TaskAgent, action, task_agent

class Topic(msgspec.Struct):
    text: str

class Needed(msgspec.Struct):
    folder: str

class Base(TaskAgent, timeout_s=5):
    """For others."""

class Research(Base, name="research"):
    """Finds things."""
    config: Needed

    def execute(self, task: Topic) -> list[str] | Snooze: ...

@task_agent
def shout(task: Topic): ...

@action
def double(n: int) -> int: ...
'''


def test_schema_lists_what_task_agents_take_and_give(program):
    """Law: beside actions, by name, with payload and result; what only others inherit from is no agent."""
    (program.folder / "agents.py").write_text(AGENTS)
    done = program("schema", "--import", "agents.py", "--import", "agents.py:Research", "--json")
    assert done.returncode == 0, done.stderr
    double, research, shout = msgspec.json.decode(done.stdout)
    assert (double["name"], shout["name"], shout["result"]) == ("double", "shout", {})
    assert (research["name"], research["description"]) == ("research", "Finds things.")
    assert research["place"].endswith("agents.py:19")
    assert research["payload"]["$defs"]["Topic"]["required"] == ["text"]
    assert research["result"] == {"type": "array", "items": {"type": "string"}}
    told = program("schema", "--import", "agents.py:Research").stdout
    assert told.startswith("research, a task agent  (")
    assert '    Finds things.\n  {"$ref":"#/$defs/Topic"}\n  -> {"type":"array"' in told


SUBSCRIBERS = '''
import msgspec
from dagger_actors import Channel, Subscriber, action, subscribe

class Order(msgspec.Struct, frozen=True):
    cents: int

class Invoice(msgspec.Struct, frozen=True):
    total: int

class Needed(msgspec.Struct):
    folder: str

class Desk(Subscriber):
    """At the door."""
    config: Needed

    @subscribe("orders", "late.*", publishes="invoices")
    def bill(self, order: Order) -> Invoice | None: ...

orders = Channel("orders", Order)

@action
def double(n: int) -> int: ...
'''


def test_schema_lists_what_subscriptions_and_channels_take_and_give(program):
    """Law: beside actions and agents, by name, whatever config a class wants; one that is named alone comes alone."""
    (program.folder / "desk.py").write_text(SUBSCRIBERS)
    done = program("schema", "--import", "desk.py", "--json")
    assert done.returncode == 0, done.stderr
    double, bill, *channels = msgspec.json.decode(done.stdout)
    assert (double["name"], bill["name"], bill["description"]) == ("double", "desk.bill", "At the door.")
    assert (bill["channels"], bill["publishes"]) == (["orders", "late.*"], ["invoices"])
    jsonschema.validate({"cents": 1}, bill["takes"]["Order"])
    assert list(bill["gives"]) == ["Invoice"]
    assert {one["name"]: list(one["messages"]) for one in channels} == {
        "orders": ["Order"],
        "invoices": ["Invoice"],
    }
    told = program("schema", "--import", "desk.py:Desk").stdout.splitlines()
    assert told[0].startswith("desk.bill, a subscription  (")
    assert told[1:4] == [
        "    At the door.",
        '  orders, late.*: {"$ref":"#/$defs/Order"}',
        '  -> invoices: {"$ref":"#/$defs/Invoice"}',
    ]
    assert "orders, a channel" in told
    assert told[4].startswith("  Order = ")
    assert not any("double" in line for line in told)


def test_schema_names_what_cannot_be_imported(program):
    """Law: one sentence, exit 2."""
    done = program("schema", "--import", "nowhere.py")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "there is no file 'nowhere.py'" in done.stderr
    (program.folder / "plain.py").write_text("def f(): ...\n")
    assert (
        program("schema", "--import", "plain.py").stdout
        == "no actions there: mark functions with @action or @task_agent, or methods with @subscribe\n"
    )


def test_a_system_lists_the_schemas_of_its_actions():
    """Law: the same from Python."""

    @action
    def double(n: int) -> int:
        """Twice n."""
        return 2 * n

    with ActorSystem(actions=[double]) as system:
        (one,) = system.flows.schemas()
    assert (one.name, one.description, one.output) == ("double", "Twice n.", {"type": "integer"})
    assert one.inputs["properties"] == {"n": {"type": "integer"}}


def test_what_init_writes_runs_validates_and_passes_its_tests(program):
    """Law: what it says to type next works as it is printed."""
    done = program("init", "first", "--name", "greet")
    assert (done.returncode, done.stderr) == (0, "")
    folder = program.folder / "first"
    files = {"flow.schema.json", "greet.yaml", "greet_actions.py", "test_greet.py"}
    assert {path.name for path in folder.iterdir()} == files
    told = done.stdout
    assert all(f"wrote first/{name}\n" in told for name in files)
    assert "run it:   dagger-actors run first/greet.yaml\n" in told
    assert "test it:  python -m pytest first/test_greet.py\n" in told
    assert "dagger-actors validate first/greet.yaml\n" in told
    ran = program("run", "first/greet.yaml")
    assert (ran.returncode, ran.stdout) == (0, "words: 10\nlongest: Actors keep their word.\n"), ran.stderr
    assert program("validate", "first/greet.yaml").returncode == 0
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "first/test_greet.py"],
        cwd=program.folder, env=program.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout
    assert "3 passed" in tested.stdout
    lines = (folder / "greet.yaml").read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=flow.schema.json"
    schema = msgspec.json.decode((folder / "flow.schema.json").read_bytes())
    jsonschema.validate(yaml.safe_load((folder / "greet.yaml").read_text()), schema)
    assert schema == msgspec.json.decode(program("schema").stdout)


def test_init_overwrites_nothing(program):
    """Law: what is there is named, nothing is written, exit 2; a second flow shares the schema."""
    (program.folder / "hello_actions.py").write_text("mine")
    done = program("init")
    assert done.returncode == 2
    assert done.stderr == (
        "dagger-actors: nothing was written, for hello_actions.py is there already\n  choose another folder or --name\n"
    )
    assert (program.folder / "hello_actions.py").read_text() == "mine"
    assert not (program.folder / "hello.yaml").exists()
    assert program("init", "--name", "one").returncode == 0
    again = program("init", "--name", "two")
    assert again.returncode == 0
    assert "wrote flow.schema.json" not in again.stdout
    (program.folder / "flow.schema.json").write_text("{}")
    refused = program("init", "--name", "three")
    assert refused.returncode == 2
    assert "flow.schema.json is there already" in refused.stderr


@pytest.mark.parametrize("name", ["a b", "", "../x", "1st", "class", "\x1b[31m"])
def test_init_refuses_a_name_that_is_none(program, name):
    """Law: one sentence, nothing written."""
    done = program("init", "new", "--name", name)
    assert done.returncode == 2
    assert "cannot begin the name of a Python file\n  use letters, digits and _, a letter first" in done.stderr
    assert not (program.folder / "new").exists()


def test_init_says_why_it_cannot_write(program):
    """Law: a folder that is a file, or none, is told in one sentence."""
    for folder in ("actions.py", "/proc/nowhere"):
        done = program("init", folder)
        assert done.returncode == 2
        assert "cannot be written to: " in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_that_the_shell_can_read(program, shell):
    """Law: the script names every command, and parses where the shell is there."""
    done = program("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("run", "resume", "validate", "schema", "init", "--sequential"):
        assert word.removeprefix("--") in done.stdout
    mark = {"bash": "complete -o default -F ", "zsh": "#compdef dagger-actors", "fish": "complete -c dagger-actors"}[
        shell
    ]
    assert mark in done.stdout
    if shutil.which(shell) is not None:
        path = program.folder / f"complete.{shell}"
        path.write_text(done.stdout)
        parsed = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, timeout=30, check=False)
        assert (parsed.returncode, parsed.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("val", ["validate"]),
        ("runs --state pa", ["paused"]),
        ("runs --state s", ["succeeded"]),
        ("runs --state i", ["interrupted"]),
        ("run act", []),
        ("wor", ["worker"]),
        ("tasks sub", ["submit"]),
        ("tasks list --state stu", ["stuck"]),
        ("jobs gr", ["graph"]),
        ("jobs graph x --format s", ["svg"]),
        ("run x.yaml --db act", []),
    ],
)
def test_bash_completes_commands_and_states_and_leaves_the_rest_to_files(program, words, completed):
    """Law: the script does complete, not only parse; where it knows nothing, readline's file names come (-o default)."""
    (program.folder / "c.bash").write_text(program("completion", "bash").stdout)
    last, count = words.split()[-1], len(words.split())
    script = (
        f"source c.bash; COMP_WORDS=(dagger-actors {words}); COMP_CWORD={count}; "
        "$(complete -p dagger-actors | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
        f" dagger-actors {last} dagger-actors; echo ${{COMPREPLY[@]}}"
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=program.folder, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout.split() == completed, done.stderr


def test_every_value_completes_to_something_in_zsh(program):
    """Law: a positional or an option of `_arguments` without an action would complete to nothing."""
    told = re.findall(r"^ +'(\*?-[\w-]+\[.*\]:.*|\d:.*)'(?: \\)?$", program("completion", "zsh").stdout, re.MULTILINE)
    assert len(told) > 40
    for one in told:
        assert one.endswith((":_files", ")")) or ":->" in one


def test_help_says_how_completion_is_installed(program):
    """Law: a mistyped shell is refused, and --help tells for each where its script goes."""
    told = program("completion", "--help").stdout
    for place in (
        "bash-completion/completions/dagger-actors",
        "~/.zsh/_dagger-actors",
        "completions/dagger-actors.fish",
    ):
        assert place in told.replace("\n", "")
    assert program("completion", "tcsh").returncode == 2
