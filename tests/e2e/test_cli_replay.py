"""``replay`` and ``diff`` as a person types them: a failed attempt again, committing nothing; what two runs did otherwise."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest

ACTIONS = """
import os
from dagger_actors import Context, Secret, action

@action
def word() -> dict[str, str]:
    return {"word": os.environ.get("WORD", "first"), "same": "x"}

@action
def write(found: dict[str, str], ctx: Context) -> str:
    ctx.cache.append("seen", ctx.cache.get("other", "nothing"))
    ctx.save("letter", b"12345")
    ctx.execute("INSERT INTO said (word) VALUES (?)", [found["word"]])
    ctx.add_nodes([{"id": "later", "action": "word"}])
    size = ctx.step("measured", len, found["word"])
    rows = ctx.query("SELECT count(*) FROM said")
    if not os.path.exists("mended"):
        raise ValueError(f"no {found['word']} \\x1b[2J {rows}")
    return found["word"] * size

@action
async def alone(number: int) -> int:
    if number == 2:
        raise LookupError("two")
    return number

@action
def shout(text: str) -> str:
    return text.upper()

@action
def numbers() -> list[int]:
    return [1, 2, 3]

class Pool:
    pass

@action
def pooled(ctx: Context) -> None:
    ctx.resource(Pool)

@action
def secretly(key: Secret) -> str:
    raise ValueError(f"it is {key.reveal()}")
"""
FLOW = """
name: again
actions: [again.py]
config: {on_failure: continue}
inputs:
  key: {type: str, secret: true}
nodes:
  - {id: word, action: word}
  - {id: write, action: write, inputs: {found: word}}
  - {id: numbers, action: numbers}
  - {id: alone, action: alone, map: {over: numbers, item: number}}
  - {id: secretly, action: secretly, inputs: {key: inputs.key}}
  - {id: pooled, action: pooled}
  - {id: never, action: shout, inputs: {text: write}}
"""


@pytest.fixture
def ran(program):
    program.environment["KEY"] = "hush-hush"
    (program.folder / "again.py").write_text(ACTIONS)
    (program.folder / "again.yaml").write_text(FLOW)
    (program.folder / "own.sql").write_text("CREATE TABLE IF NOT EXISTS said (word TEXT);")
    words = ("run", "again.yaml", "--run-id", "one", "-i", "key=env:KEY", "--schema", "own.sql")
    assert program(*words).returncode == 1
    return program


def content(ran) -> str:
    return hashlib.sha256((ran.folder / "dagger.db").read_bytes()).hexdigest()


def test_a_failed_attempt_is_made_again_and_commits_nothing(ran):
    """Law: the same inputs, the same failure; once the code is mended its result, and what would be committed; the file stays."""
    before = content(ran)
    failed = ran("replay", "one", "write")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "write failed again: ValueError: no first \\x1b[2J [(0,)]" in failed.stderr
    assert 'in write\n    raise ValueError(f"no' in failed.stderr
    assert "runpy" not in failed.stderr
    (ran.folder / "mended").touch()
    done = ran("replay", "one", "write")
    assert (done.returncode, done.stdout) == (0, '"firstfirstfirstfirstfirst"\n')
    for line in (
        "nothing was committed; what would have been:",
        "  artifact letter: 5 bytes",
        "  statement INSERT INTO said (word) VALUES (?) ('first',)",
        '  value seen += "nothing"',
        "  node later: word",
    ):
        assert line in done.stderr.split("\n")
    assert "step measured" not in done.stderr  # it is stored by the first time, and is not taken again
    assert content(ran) == before


def test_the_shared_state_is_read_and_what_would_be_changed_of_it_is_told(program):
    """Law: an attempt reads it again as it is now, with its own changes; they are shown, and not committed."""
    (program.folder / "sharing.py").write_text(
        "from dagger_actors import Context, action\n\n@action\ndef count(ctx: Context) -> list[object]:\n"
        "    before = ctx.shared.get('rates', 'runs', 0)\n"
        "    ctx.shared.increment('rates', 'runs', 2)\n"
        "    ctx.shared.put('rates', 'last', {'at': 1}, version=ctx.shared.read('rates', 'last').version)\n"
        "    ctx.shared.delete('rates', 'old')\n"
        "    return [before, ctx.shared.get('rates', 'runs')]\n"
    )
    (program.folder / "sharing.yaml").write_text(
        "name: sharing\nactions: [sharing.py]\nnodes: [{id: count, action: count}]\n"
    )
    assert program("run", "sharing.yaml", "--run-id", "s").returncode == 0
    before = content(program)
    again = program("replay", "s", "count")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == [2, 4]
    told = """nothing was committed; what would have been:
  shared rates/runs += 2
  shared rates/last = {"at":1}
  shared rates/old deleted
"""
    assert again.stderr.endswith(told)
    assert content(program) == before


def test_an_item_and_an_attempt_are_chosen(ran):
    """Law: --item names one of a map; --attempt is given what there was when it began, whatever was made again since."""
    done = ran("replay", "one", "alone", "--item", "1")
    assert (done.returncode, "alone[1] failed again: LookupError: two" in done.stderr) == (1, True)
    assert ran("replay", "one", "alone", "--item", "2").stdout == "3\n"
    ran.environment["WORD"] = "second"
    assert ran("retry", "one", "--from", "word", "--schema", "own.sql").returncode == 1
    assert "ValueError: no first " in ran("replay", "one", "write", "--attempt", "1").stderr
    assert "ValueError: no second " in ran("replay", "one", "write").stderr


def test_under_the_debugger_it_stops_at_the_first_line_and_where_it_raises(ran):
    """Law: of a function and of a coroutine; leaving it is no failure."""
    for node, item, shown in (("write", (), "found['same']"), ("alone", ("--item", "1"), "number * 50")):
        done = ran("replay", "one", node, *item, "--pdb", keys=f"p {shown}\nc\np {shown}\nq\n")
        assert done.returncode == 1
        assert done.stdout.count("'x'" if node == "write" else "(Pdb) 100") == 2, done.stdout
        assert "failed again" in done.stderr
    refused = ran("replay", "one", "pooled", "--pdb", keys="c\n")
    assert (refused.returncode, "it asks for the resource Pool" in refused.stderr) == (2, True)
    left = ran("replay", "one", "write", "--pdb", keys="q\n")
    assert (left.returncode, left.stderr) == (130, "the debugger was left; nothing was committed\n")


POOLED = """
import asyncio, contextlib
from dagger_actors import Context, action
from pools import Pool, Session

@action
def sums(ctx: Context) -> int:
    return sum(ctx.resource(Pool).numbers)

@action
async def asks(ctx: Context) -> str:
    session = ctx.resource(Session)
    assert session.loop is asyncio.get_running_loop()
    return session.word

@action
def calls(ctx: Context) -> str:
    session = ctx.resource(Session)
    return asyncio.run_coroutine_threadsafe(session.ask(), session.loop).result(20)

@action
async def leaves(ctx: Context) -> None:
    raise SystemExit(3)
"""
POOLS = """
import asyncio, contextlib, sys

class Pool:
    numbers = (1, 2, 3)

class Session:
    word = "asked"
    async def ask(self):
        await asyncio.sleep(0)
        return "called"

@contextlib.contextmanager
def pool():
    print("pool opened", file=sys.stderr)
    yield Pool()
    print("pool closed", file=sys.stderr)

@contextlib.asynccontextmanager
async def session():
    made = Session()
    made.loop = asyncio.get_running_loop()
    yield made
    print("session closed", file=sys.stderr)

def broken():
    raise OSError("no such host")

RESOURCES = {Pool: pool, Session: session}
LESS = {Session: session}
BROKEN = {Pool: broken}
WRONG = {"pool": pool}
"""


@pytest.fixture
def pooled(program):
    (program.folder / "pooled.py").write_text(POOLED)
    (program.folder / "pools.py").write_text(POOLS)
    nodes = ", ".join(f"{{id: {name}, action: {name}}}" for name in ("sums", "asks", "calls", "leaves"))
    text = f"name: pooled\nactions: [pooled.py]\nconfig: {{on_failure: continue}}\nnodes: [{nodes}]\n"
    (program.folder / "pooled.yaml").write_text(text)
    assert program("run", "pooled.yaml", "--run-id", "p").returncode == 1
    return program


@pytest.mark.parametrize("reference", ["pools.py:RESOURCES", "pools:RESOURCES", "program.py:RESOURCES"])
@pytest.mark.parametrize(("node", "output"), [("sums", "6"), ("asks", '"asked"'), ("calls", '"called"')])
def test_resources_are_made_as_a_program_makes_them(pooled, reference, node, output):
    """Law: what `--resources` names is made and entered, async ones on the loop of coroutine actions, and closed again."""
    (pooled.folder / "program.py").write_text("from pools import RESOURCES\n")
    done = pooled("replay", "p", node, "--resources", reference)
    assert (done.returncode, done.stdout) == (0, f"{output}\n"), done.stderr
    assert done.stderr.startswith("pool opened\nsession closed\npool closed\n")


def test_a_resource_is_had_under_the_debugger_too(pooled):
    """Law: it stops in a coroutine where its resources live."""
    done = pooled("replay", "p", "asks", "--pdb", "--resources", "pools.py:RESOURCES", keys="n\nn\np session.word\nc\n")
    assert done.returncode == 0
    assert "'asked'" in done.stdout
    left = pooled("replay", "p", "asks", "--pdb", "--resources", "pools.py:RESOURCES", keys="q\n")
    assert left.returncode == 130
    assert "the debugger was left; nothing was committed" in left.stderr


def test_an_exit_beside_resources_is_a_failure_as_any_other(pooled):
    """Law: it ends the attempt, and neither the loop of the resources nor the program."""
    done = pooled("replay", "p", "leaves", "--resources", "pools.py:RESOURCES")
    assert done.returncode == 1
    assert "leaves failed again: SystemExit: 3" in done.stderr
    assert done.stderr.startswith("pool opened\nsession closed\npool closed\n")


@pytest.mark.parametrize(
    ("reference", "code", "told"),
    [
        ("pools.py:LESS", 1, "sums failed again: UnknownResource: "),
        ("pools.py:BROKEN", 2, "no such host"),
        ("pools.py:WRONG", 2, "resources maps types to functions that make one"),
        ("pools.py:pool", 2, "'pools.py:pool' is no mapping but function"),
        ("pools.py:nothing", 2, "'pools.py:nothing' names no mapping of resources"),
        ("pools.py", 2, "Write file.py:NAME, where NAME is what your program gives ActorSystem(resources=NAME)"),
        ("gone.py:RESOURCES", 2, "gone.py"),
    ],
)
def test_resources_that_cannot_be_had_are_told(pooled, reference, code, told):
    """Law: each mistake is an error of its own, without a traceback of ours."""
    done = pooled("replay", "p", "sums", "--resources", reference)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr or code == 1


def test_flows_that_an_attempt_adds_are_read_in_a_replay_too(program):
    """Law: they are found as in its run, by their file or their name; what reads them is checked, and nothing is added."""
    (program.folder / "more.py").write_text(
        "from dagger_actors import Context, action\n\n@action\ndef one() -> int:\n    return 1\n\n"
        "@action\ndef text(t: str) -> str:\n    return t\n\n@action\ndef more(ctx: Context) -> None:\n"
        "    ctx.add_nodes([{'id': 'sub', 'flow': 'inner.yaml'}])\n"
        "    ctx.add_nodes([{'id': 'b', 'action': 'text', 'inputs': {'t': 'sub.n'}}])\n"
    )
    (program.folder / "inner.yaml").write_text(
        "name: inner\nactions: [more.py]\nnodes: [{id: n, action: one}]\noutputs: {n: n}\n"
    )
    (program.folder / "more.yaml").write_text("name: more\nactions: [more.py]\nnodes: [{id: m, action: more}]\n")
    assert program("run", "more.yaml", "--run-id", "m").returncode == 1
    told = "the input 't' gets int from 'sub.n', but action 'text' takes str"
    again = program("replay", "m", "m")
    assert told in again.stderr
    code = program.folder / "more.py"
    code.write_text(code.read_text().replace("t: str", "t: int"))
    mended = program("replay", "m", "m")
    assert mended.returncode == 0, mended.stderr
    assert "  node sub: flow inner\n  node b: text\n" in mended.stderr


def test_what_was_refused_at_the_end_of_an_attempt_is_refused_again(program):
    """Law: nodes past the last iteration cannot be added by a replay either."""
    (program.folder / "on.py").write_text(
        "from dagger_actors import Context, action\n\n@action\ndef on(n: int, ctx: Context) -> None:\n"
        "    ctx.add_nodes([{'id': f'on_{n}', 'action': 'on', 'inputs': {'n': {'value': n + 1}}}])\n"
    )
    nodes = "nodes: [{id: start, action: on, inputs: {n: {value: 1}}}]"
    (program.folder / "on.yaml").write_text(f"name: on\nactions: [on.py]\nconfig: {{max_iterations: 1}}\n{nodes}\n")
    assert program("run", "on.yaml", "--run-id", "on").returncode == 1
    again = program("replay", "on", "on_1")
    assert "on_1 failed again" in again.stderr
    assert (
        "the nodes cannot be added: these nodes would be iteration 2, and the flow's max_iterations is 1"
        in again.stderr
    )


def test_a_secret_is_not_told(ran):
    """Law: it is read from its variable again, and masked in what is printed."""
    done = ran("replay", "one", "secretly")
    assert done.returncode == 1
    assert "hush-hush" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("replay", "nope", "write"), ("no run 'nope'",)),
        (("replay", "one", "writ"), ("did you mean 'write'?",)),
        (("replay", "one", "alone"), ("it is mapped", "--item KEY")),
        (("replay", "one", "alone", "--item", "7"), ("has no item '7'",)),
        (("replay", "one", "never"), ("it has had no attempt",)),
        (("replay", "one", "write", "--attempt", "9"), ("it has no attempt 9", "it has had 1")),
        (("replay", "one", "write", "--import", "no.py"), ("no.py",)),
        (("replay", "one", "pooled"), ("it asks for the resource Pool", "--resources FILE.py:NAME")),
        (("diff", "one", "nope"), ("no run 'nope'",)),
        (("diff", "one", "one", "--limit", "0"), ("--limit 0",)),
    ],
)
def test_each_mistake_is_one_sentence_with_advice(ran, words, parts):
    """Law: exit 2, the culprit named, no traceback, nothing on stdout."""
    done = ran(*words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


def test_two_runs_are_compared_node_by_node(ran):
    """Law: what differs is shown line by line, and only that; a run is like itself; --json is all of it."""
    alike = ran("diff", "one", "one")
    assert (alike.returncode, alike.stdout) == (0, "one and one: 10 invocations alike, 0 not\n")
    ran.environment["WORD"] = "second"
    (ran.folder / "mended").touch()
    words = ("run", "again.yaml", "--run-id", "two", "-i", "key=env:KEY", "--schema", "own.sql")
    assert ran(*words).returncode == 1
    done = ran("diff", "one", "two")
    assert done.returncode == 1
    lines = done.stdout.split("\n")
    assert lines[0] == "one and two: 7 invocations alike, 4 not"
    at = lines.index("word")
    assert lines[at + 1 : at + 6] == [
        "   {",
        '  -  "word": "first",',
        '  +  "word": "second",',
        '     "same": "x"',
        "   }",
    ]
    assert "write  failed | succeeded  other inputs: found" in lines
    assert "later  only in two, succeeded" in lines
    assert "numbers" not in done.stdout
    found = msgspec.json.decode(ran("diff", "one", "two", "--json").stdout)
    assert [node["node_id"] for node in found["nodes"]] == ["word", "write", "never", "later"]
    assert found["nodes"][0]["output"]["other"] == {"word": "second", "same": "x"}
