"""``validate``, ``list`` and ``schema`` for system files, beside flow files."""

from __future__ import annotations

import jsonschema
import msgspec
import pytest
import yaml

AGENTS = """
import msgspec
from dagger_actors import Actor

class Pricing(msgspec.Struct, frozen=True):
    rate: float

class Pricer(Actor):
    config: Pricing

class Audit(Actor):
    pass
"""
SHOP = """system: shop
description: It sells.
supervision: {strategy: rest_for_one, intensity: 3, period_s: 5}
agents:
  - {id: pricer, class: "shop_agents:Pricer", config: {rate: 1.2}, instances: 4}
  - {id: audit, class: "shop_agents.py:Audit", restart: transient, mailbox: {capacity: 1000, overflow: reject}}
  - id: back_office
    agents: [{id: clerk, class: "shop_agents:Audit"}]
"""


@pytest.fixture
def shop(program):
    folder = program.folder / "specs"
    folder.mkdir()
    (folder / "shop_agents.py").write_text(AGENTS)
    (folder / "shop.yaml").write_text(SHOP)
    return folder


def test_validate_accepts_a_good_system_and_starts_nothing(program, shop):
    """Law: classes are looked for beside the file; exit 0, one line, no database."""
    done = program("validate", "specs/shop.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "specs/shop.yaml: system 'shop' is valid: 3 agents, 1 nested supervisor\n"
    assert not list(program.folder.glob("*.db*"))


def test_validate_tells_every_mistake_of_a_system_at_once(program, shop):
    """Law: those of structure, of classes and of configs, each with its place, its line, a caret and advice."""
    wrong = (
        SHOP.replace("rest_for_one", "rest_for_on").replace("rate: 1.2", "rate: high").replace("py:Audit", "py:Audti")
    )
    (shop / "wrong.yaml").write_text(wrong)
    done = program("validate", "specs/wrong.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    for part in (
        "specs/wrong.yaml:3:25: strategy must be one of",
        "\n  Did you mean 'rest_for_one'?\n",
        "specs/wrong.yaml:5:62: agent 'pricer': config.rate: Expected `float`, got `str`",
        "specs/wrong.yaml:6:24: agent 'audit': class: there is no class 'Audti' in 'shop_agents.py'",
        "\n                           ^\n  Did you mean 'Audit'?\n",
        "\n  next: mend it, then: dagger-actors validate specs/wrong.yaml\n",
    ):
        assert part in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "title: x\nsteps: []\n",
            "wrong.yaml:1:1: this is neither a flow nor a system: it has the keys 'title', 'steps'",
        ),
        ("- a\n", "wrong.yaml:1:1: this is neither a flow nor a system: it is a list"),
        ("", "wrong.yaml:1:1: the file is empty"),
        ("{}", "wrong.yaml:1:1: this is neither a flow nor a system: it is a mapping"),
    ],
)
def test_a_file_that_is_neither_is_told_what_each_needs(program, text, told):
    """Law: who writes a new file learns both ways."""
    (program.folder / "wrong.yaml").write_text(text)
    done = program("validate", "wrong.yaml")
    assert done.returncode == 2
    assert told in done.stderr
    assert "A flow needs at least `name` and `nodes`, a system `system` and `agents`." in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("system: s\n", "the system lacks the key `agents`"),
        ("sytem: s\nagents: []\n", "the system: unknown key 'sytem'"),
        ("name: s\nagents: []\n", "the system: unknown key 'name'"),
        ("system: s\nnodes: []\n", "the system: unknown key 'nodes'"),
        ("name: f\n", "the flow lacks the key `nodes`"),
        ("nodes: []\n", "the flow lacks the key `name`"),
        ("name: f\nnodes: []\nagents: []\n", "the flow: unknown key 'agents'"),
    ],
)
def test_half_a_file_is_taken_for_what_it_has_more_of(program, text, told):
    """Law: a file that lacks a key, or has one too many, is told what is wrong with it as the kind it is."""
    (program.folder / "wrong.yaml").write_text(text)
    assert told in program("validate", "wrong.yaml").stderr


def test_actions_are_nothing_to_a_system(program, shop):
    """Law: nothing is accepted and ignored."""
    done = program("validate", "specs/shop.yaml", "--import", "actions.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--import names actions, and a system has none" in done.stderr


def test_list_shows_flows_and_systems(program, shop):
    """Law: both kinds, each in its table; by tags flows alone; as JSON in the order of the files' names."""
    (shop / "flow.yaml").write_text("name: f\ntags: [t]\nnodes: [{id: a, action: x}]\n")
    done = program("list", "specs")
    assert (done.returncode, done.stderr) == (0, "")
    flows, systems = done.stdout.split("\n\n")
    assert flows.split()[:6] == ["flow", "version", "nodes", "tags", "file", "description"]
    assert [line.split() for line in systems.splitlines()] == [
        ["system", "agents", "file", "description"],
        ["shop", "3", "specs/shop.yaml", "It", "sells."],
    ]
    one, other = msgspec.json.decode(program("list", "specs", "--json").stdout)
    assert (one["name"], one["nodes"]) == ("f", 1)
    assert other == {
        "file": "specs/shop.yaml",
        "name": "shop",
        "description": "It sells.",
        "agents": 3,
        "supervisors": 1,
    }
    assert "shop" not in program("list", "specs", "--tag", "t").stdout
    (shop / "flow.yaml").unlink()
    assert program("list", "specs").stdout.startswith("system  agents")


def test_list_names_a_broken_system(program, shop):
    """Law: one bad file hides nothing."""
    (shop / "bad.yaml").write_text("system: bad\nagents: []\n")
    (shop / "odd.yaml").write_text("x: 1\n")
    done = program("list", "specs")
    assert done.returncode == 2
    assert "specs/bad.yaml is left out: agents is empty" in done.stderr
    assert "specs/odd.yaml is left out: this is neither a flow nor a system" in done.stderr
    assert "shop" in done.stdout


def test_schema_prints_the_schema_of_system_files(program):
    """Law: one JSON document, which accepts a right system and refuses a wrong key at any depth."""
    done = program("schema", "--kind", "system")
    assert (done.returncode, done.stderr) == (0, "")
    schema = msgspec.json.decode(done.stdout)
    data = yaml.safe_load(SHOP)
    jsonschema.validate(data, schema)
    data["agents"][2]["agents"][0]["restrat"] = "transient"
    with pytest.raises(jsonschema.ValidationError, match="restrat"):
        jsonschema.validate(data, schema)
    assert program("schema", "--kind", "flow").stdout == program("schema").stdout
    refused = program("schema", "--kind", "sytem")
    assert refused.returncode == 2
    assert '"system"' in refused.stderr
    refused = program("schema", "--kind", "system", "--import", "actions.py")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "give one of the two" in refused.stderr


def test_a_command_for_flows_says_that_it_was_given_a_system(program, shop):
    """Law: one problem, not one for each key."""
    for words in (("run",),):
        done = program(*words, "specs/shop.yaml")
        assert done.returncode == 2
        assert done.stderr.startswith("dagger-actors: specs/shop.yaml:1:1: this is a system, not a flow\n")
        assert "unknown key" not in done.stderr
