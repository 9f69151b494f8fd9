"""``tree`` and ``graph --gantt`` as a person types them: every option, and every mistake."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import msgspec
import pytest


@pytest.fixture
def ran(program):
    assert program("run", "fan.yaml", "--run-id", "good", "-i", "count=4").returncode == 0
    assert program("run", "broken.yaml", "--run-id", "bad").returncode == 1
    return program


def test_the_tree_shows_states_items_errors_and_levels(ran):
    """Law: one line a node, indented beneath what it waited for; no text steers the terminal."""
    lines = ran("tree", "good").stdout.split("\n")
    assert lines[0].startswith("run good of flow fan: succeeded, ")
    assert lines[1].startswith("└─ numbers  succeeded  ")
    assert lines[2].startswith("   └─ work  succeeded  4/4 items  ")
    assert lines[3].startswith("      └─ total  succeeded  ")
    bad = ran("tree", "bad").stdout
    assert "└─ fail  failed  " in bad
    assert "ValueError: broken \\x1b[2J on purpose" in bad
    assert "└─ after  skipped  dependency 'fail' failed" in bad
    assert "\x1b" not in bad
    assert ran("tree", "good", "--levels").stdout.split("\n")[1:4] == ["  0  numbers", "  1  work", "  2  total"]


def test_limit_and_json(ran):
    """Law: --limit bounds what is shown and tells what is left out; --json is all of it."""
    done = ran("tree", "good", "--limit", "1")
    assert done.stdout.split("\n")[2] == "└─ ... 2 more: 2 succeeded"
    assert done.stderr == "3 nodes; --limit N shows more of them\n"
    found = msgspec.json.decode(ran("tree", "good", "--limit", "1", "--json").stdout)
    assert [(one["node_id"], one["parent"], one["level"]) for one in found] == [
        ("numbers", None, 0),
        ("work", "numbers", 1),
        ("total", "work", 2),
    ]


def test_a_gantt_is_written_as_svg(ran):
    """Law: to stdout, or to a file; it needs no extra."""
    svg = ET.fromstring(ran("graph", "--run", "good", "--gantt").stdout)
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"numbers", "work", "total", "succeeded"} <= set(texts)
    assert ran("graph", "--run", "good", "--gantt", "-o", "run.svg").stderr == "wrote run.svg\n"
    assert (ran.folder / "run.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("tree", "nope"), ("nope", "dagger-actors runs")),
        (("tree", "good", "--limit", "0"), ("--limit 0",)),
        (("tree", "good", "--db", "none.db"), ("there is no database 'none.db'",)),
        (("graph", "fan.yaml", "--gantt"), ("--gantt is for a run",)),
        (("graph", "fan.yaml", "--calls"), ("--calls is for a run",)),
        (("graph", "--run", "good", "--gantt", "--format", "dot"), ("--gantt draws svg",)),
        (("graph", "--run", "good", "--gantt", "-o", "a.dot"), ("--gantt draws svg",)),
    ],
)
def test_each_mistake_is_one_sentence_with_advice(ran, words, parts):
    """Law: exit 2, the culprit named, no traceback, nothing on stdout."""
    done = ran(*words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
