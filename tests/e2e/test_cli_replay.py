"""``replay`` and ``diff`` as a person types them: a failed attempt again, committing nothing; what two runs did otherwise."""

from __future__ import annotations

import hashlib

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
        (("replay", "one", "pooled"), ("it asks for the resource Pool", "from a test")),
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
