"""``graph`` as a person types it: every option, and every mistake."""

from xml.etree import ElementTree as ET

import pytest


@pytest.fixture
def ran(program):
    assert program("run", "fan.yaml", "--run-id", "good", "-i", "count=4").returncode == 0
    assert program("run", "broken.yaml", "--run-id", "bad").returncode == 1
    return program


def test_each_format_of_a_definition(program):
    """Law: mermaid unless another is asked for; nothing runs and no database appears."""
    for words, start in (
        ((), "---\n"),
        (("--format", "mermaid"), "---\n"),
        (("--format", "dot"), "digraph"),
        (("--format", "svg"), "<svg"),
    ):
        done = program("graph", "fan.yaml", *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(start)
    assert program.log() == []
    assert not list(program.folder.glob("*.db*"))


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.svg", "<svg"), ("a.dot", "digraph"), ("a.gv", "digraph"), ("a.mmd", "---"), ("A.SVG", "<svg")],
)
def test_output_writes_a_file_and_its_name_tells_the_format(program, name, start):
    """Law: stdout stays empty; --format beats the name."""
    done = program("graph", "fan.yaml", "--output", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"wrote {name}\n")
    assert (program.folder / name).read_text().startswith(start)
    assert program("graph", "fan.yaml", "--output", name, "--format", "dot").returncode == 0
    assert (program.folder / name).read_text().startswith("digraph")


def test_import_finds_actions_that_the_flow_does_not_name(program):
    """Law: the flow is checked as `validate` does it."""
    (program.folder / "bare.yaml").write_text("name: bare\nnodes: [{id: a, action: numbers}]\n")
    refused = program("graph", "bare.yaml")
    assert refused.returncode == 2
    assert "numbers" in refused.stderr
    assert program("graph", "bare.yaml", "--import", "actions.py").returncode == 0


def test_a_run_is_drawn_with_states_counts_outputs_and_errors(ran):
    """Law: A15: the state of each node, how many of a map, what came out and what went wrong, hostile text escaped."""
    svg = ET.fromstring(ran("graph", "--run", "good", "--format", "svg").stdout)
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text.startswith("run good · succeeded") for text in texts)
    assert any(text.startswith("succeeded · 4/4 · ") for text in texts)
    tooltips = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert any("invocations: 4 succeeded" in text and "attempts: 4" in text for text in tooltips)
    assert any("output: 12" in text for text in tooltips)
    bad = ran("graph", "--run", "bad")
    assert "class n0 failed" in bad.stdout
    assert "class n1 skipped" in bad.stdout
    assert "ValueError#58; broken #92;x1b#91;2J on purpose" in bad.stdout
    dot = ran("graph", "--run", "bad", "--format", "dot").stdout
    assert 'error: ValueError: broken \\\\x1b[2J on purpose"' in dot


def test_what_the_author_says_is_in_the_tooltips(program):
    """Law: of a definition and of a run, in the two formats that have tooltips; hostile text is only text."""
    (program.folder / "told.yaml").write_text(
        "name: told\nactions: [actions.py]\nnodes:\n"
        "  - id: numbers\n    action: numbers\n    description: counts <up>\n    instructions: 'ask\\first'\n"
        "    inputs: [{name: count, value: 2, description: how many}]\n"
    )
    assert program("run", "told.yaml", "--run-id", "one").returncode == 0
    for what in (("told.yaml",), ("--run", "one")):
        svg = ET.fromstring(program("graph", *what, "--format", "svg").stdout)
        (tooltip,) = [text for one in svg.iter("{http://www.w3.org/2000/svg}title") if "numbers" in (text := one.text)]
        for part in ("description: counts <up>", "instructions: ask\\first", "input: count = 2 (how many)"):
            assert part in tooltip.split("\n")
        dot = program("graph", *what, "--format", "dot").stdout
        assert "description: counts <up>\\ninstructions: ask\\\\first\\ninput: count = 2 (how many)" in dot


def test_db_names_the_database_of_the_run(ran):
    """Law: --db is read, and only for a run."""
    (ran.folder / "dagger.db").rename(ran.folder / "other.db")
    assert ran("graph", "--run", "good").returncode == 2
    assert "succeeded" in ran("graph", "--run", "good", "--db", "other.db").stdout


SYSTEM = """\
system: shop
description: sells <things>
supervision: {intensity: 1}
agents:
  - {id: audit, class: "shop:Audit", restart: transient, mailbox: {capacity: 7, overflow: reject}, config: {rate: 2}}
  - id: front
    supervision: {strategy: rest_for_one}
    agents:
      - {id: pricer, class: "shop:Pricer", instances: 4, route: key, key: customer.id, backoff: {min_s: 1}}
"""


def test_a_system_is_drawn_as_its_tree_of_supervisors(program):
    """Law: what starts what, in each format; no class is imported for it."""
    (program.folder / "shop.yaml").write_text(SYSTEM)
    drawn = program("graph", "shop.yaml").stdout
    for part in ("supervisor, one", "n0 --> n1", "n0 --> n2", "n2 --> n3", 'n3[["pricer<br/>shop#58;Pricer'):
        assert part in drawn
    assert "4 of them, by customer.id" in drawn
    dot = program("graph", "shop.yaml", "--format", "dot").stdout
    for part in ("sells <things>", "2 agents · 2 supervisors", "intensity: 1 restart in 5 s", "restart: transient"):
        assert part in dot
    for part in ("mailbox: 7, reject", "config: rate = 2", "backoff: 1 to 30 s"):
        assert part in dot
    svg = "".join(ET.fromstring(program("graph", "shop.yaml", "--format", "svg").stdout).itertext())
    assert all(name in svg for name in ("audit", "front", "pricer"))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ((), ("one thing", "--run RUN")),
        (("shop.yaml", "--import", "actions.py"), ("--import is for a flow file", "a system file names its classes")),
        (("fan.yaml", "--run", "good"), ("one thing",)),
        (("fan.yaml", "--db", "dagger.db"), ("--db is for a run",)),
        (("--run", "good", "--import", "actions.py"), ("--import is for a flow file",)),
        (("--run", "nope"), ("nope",)),
        (("--run", "good", "--db", "none.db"), ("there is no database 'none.db'",)),
        (("fan.yaml", "--format", "png"), ("png", "mermaid", "svg")),
        (("fan.yaml", "--output", "a.png"), ("'a.png'", "--format", ".svg")),
        (("fan.yaml", "--output", "no/such/folder.svg"), ("cannot be written",)),
        (("missing.yaml",), ("missing.yaml",)),
        (("good",), ("there is no file 'good'", "a run is drawn with: dagger-actors graph --run good")),
    ],
)
def test_each_mistake_is_one_sentence_with_advice(ran, words, parts):
    """Law: exit 2, the culprit named, no traceback, nothing on stdout."""
    (ran.folder / "shop.yaml").write_text(SYSTEM)
    done = ran("graph", *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
