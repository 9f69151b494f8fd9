"""Classes and configs of a system: found, made, and every mistake told at once."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from dagger_actors.errors import DefinitionError
from dagger_actors.reading.importing import import_target
from dagger_actors.supervised.files.definition import AgentSpec, SystemDefinition
from dagger_actors.supervised.files.loading import load_system
from dagger_actors.supervised.files.part_keys import A_CLASS
from dagger_actors.supervised.files.resolving import ResolvedAgent, load_and_resolve, resolve

SHOP = """
from __future__ import annotations
import dataclasses
import pathlib
from typing import Annotated
import msgspec

class Agent:
    config: object

class Limits(msgspec.Struct, frozen=True):
    low: int
    high: int = 9

class Card(msgspec.Struct, tag=True):
    number: str

class Cash(msgspec.Struct, tag=True):
    coins: dict[str, int] = {}

@dataclasses.dataclass
class Shelf:
    width: float = 1.0

class Pricing(msgspec.Struct, frozen=True, rename="camel"):
    base_rate: Annotated[float, msgspec.Meta(ge=0)]
    marked: Annotated[Limits, msgspec.Meta(description="marked")] = Limits(0)
    either: list[Limits] | dict[str, Limits] | None = None
    limits: Limits | None = None
    all_limits: list[Limits] = []
    by_name: dict[str, Limits] = {}
    payment: Card | Cash | None = None
    folder: pathlib.Path = pathlib.Path(".")
    shelf: Shelf = Shelf()
    pair: tuple[int, Limits] | None = None
    anything: dict = {}

class Pricer(Agent):
    config: Pricing

class Cheaper(Pricer):
    pass

class Own(Pricer):
    config: Limits

class Unclear(msgspec.Struct):
    limits: Limits | Pricing

class Unknown(msgspec.Struct):
    limits: Nowhere

class Clearer(Agent):
    config: Unclear

class Finder(Agent):
    config: Unknown

class None_(Agent):
    config: None

class Angry(msgspec.Struct):
    level: int = 0

    def __post_init__(self):
        if self.level == 1:
            raise KeyError("level")
        if self.level == 2:
            raise SystemExit("level")

class Angrier(Agent):
    config: Angry
"""


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


@pytest.fixture
def base(shop):
    return import_target("shop.py", shop, A_CLASS).Agent


@pytest.fixture
def resolved(shop, base):
    """Resolve a system of these agents, each a line of YAML behind `class: shop.py:`."""

    def resolve_all(*agents):
        path = shop / "system.yaml"
        lines = [f'- {{id: a{number}, class: "shop.py:{one}}}' for number, one in enumerate(agents)]
        path.write_text("system: s\nagents:\n" + "\n".join(lines) + "\n")
        return resolve(load_system(path), base).actors

    return resolve_all


@pytest.fixture
def refused(resolved):
    """The mistakes of such agents: place, message, advice."""

    def problems(*agents):
        with pytest.raises(DefinitionError) as caught:
            resolved(*agents)
        return [
            (problem.line, problem.column, problem.message.split(": ", 1)[1], problem.advice)
            for problem in caught.value.problems
        ]

    return problems


class TestClasses:
    """Law: a reference means the class there, which must be of the base's kind."""

    def test_each_agent_gets_its_class_and_its_config(self, resolved):
        found = resolved('Pricer", config: {baseRate: 2}', 'Own", config: {low: 3}', 'None_"')
        assert [one.agent_class.__name__ for one in found.values()] == ["Pricer", "Own", "None_"]
        assert list(found) == ["a0", "a1", "a2"]
        assert found["a0"].config.base_rate == 2.0
        assert found["a1"].config.low == 3
        assert found["a2"].config is None
        assert isinstance(found["a0"], ResolvedAgent)

    def test_an_annotation_is_inherited_but_not_from_the_base(self, resolved, base):
        """Law: what the base itself says of `config` is no config."""
        (cheaper,) = resolved('Cheaper", config: {baseRate: 1}').values()
        assert type(cheaper.config).__name__ == "Pricing"
        (plain,) = resolved('Agent"').values()
        assert (plain.agent_class, plain.config) == (base, None)

    def test_a_module_is_looked_for_beside_the_file_then_in_the_current_folder(self, tmp_path, monkeypatch):
        beside, here = tmp_path / "beside", tmp_path / "here"
        for folder, name in ((beside, "alpha_agents"), (here, "beta_agents")):
            folder.mkdir()
            (folder / f"{name}.py").write_text("class One: ...\n")
        monkeypatch.chdir(here)
        monkeypatch.setattr(sys, "path", [*sys.path])
        path = beside / "s.yaml"
        path.write_text(
            "system: s\nagents:\n"
            "- {id: a, class: alpha_agents:One}\n- {id: b, class: beta_agents:One}\n- {id: c, class: beta_agents.py:One}\n"
        )
        found = resolve(load_system(path), object).actors
        assert [Path(sys.modules[one.agent_class.__module__].__file__).parent.name for one in found.values()] == [
            "beside",
            "here",
            "here",
        ]

    def test_a_module_is_imported_once_for_all_its_agents(self, tmp_path):
        (tmp_path / "counted.py").write_text(
            "from pathlib import Path\n"
            "with Path(__file__).with_suffix('.log').open('a') as log:\n    log.write('imported\\n')\n"
            "raise OSError('no')\n"
        )
        path = tmp_path / "s.yaml"
        path.write_text(
            "system: s\nagents:\n" + "".join(f"- {{id: a{i}, class: 'counted.py:C{i % 3}'}}\n" for i in range(9))
        )
        with pytest.raises(DefinitionError) as caught:
            resolve(load_system(path), object)
        (problem,) = caught.value.problems
        assert problem.line == 3
        assert problem.message.endswith("counted.py:4); the same holds for 8 more: 'a3', 'a6', 'a1', 'a4', 'a7', ...")
        assert (tmp_path / "counted.log").read_text() == "imported\n"

    def test_a_class_that_is_not_there_is_told_once_with_the_nearest_of_its_kind(self, refused):
        """Law: the nearest is a class that could be meant, not just any name."""
        assert refused('Pricin"', 'Pricin"', 'Zzz"') == [
            (3, 19, "class: there is no class 'Pricin' in 'shop.py'; the same holds for 1 more: 'a1'", "Did you mean 'Pricer'?"),
            (5, 19, "class: there is no class 'Zzz' in 'shop.py'", "Define it there: class Zzz(Agent): ..."),
        ]  # fmt: skip


class TestConfigs:
    """Law: a config fits its class's Struct in every part, or each misfit is told with its path and its place."""

    def test_what_msgspec_and_we_know_is_made(self, resolved):
        text = (
            'Pricer", config: {baseRate: 1, limits: {low: 1}, allLimits: [{low: 2}], byName: {x: {low: 3}},'
            " payment: {type: Cash, coins: {one: 1}}, folder: a/b, shelf: {width: 2}, pair: [1, {low: 4}],"
            " anything: {whatever: {it: is}}}"
        )
        (one,) = resolved(text).values()
        made = one.config
        assert made.folder == Path("a/b")
        assert (made.limits.low, made.all_limits[0].low, made.by_name["x"].low, made.pair[1].low) == (1, 2, 3, 4)
        assert (made.payment.coins, made.shelf.width, made.anything) == ({"one": 1}, 2.0, {"whatever": {"it": "is"}})

    def test_an_unknown_key_is_found_at_any_depth(self, refused):
        """Law: nothing is accepted and ignored, in Structs, dataclasses, lists, dicts, tuples and unions."""
        found = refused(
            'Pricer", config: {baseRate: 1, limits: {low: 1, hgh: 2}, allLimits: [{low: 2}, {low: 1, lo: 1}],'
            " byName: {x: {low: 3, hi: 1}}, payment: {type: Cash, coin: {}}, shelf: {widht: 2}, pair: [1, {low: 4, x: 1}],"
            " base_rate: 3, marked: {low: 1, l: 2}, either: [{low: 1, m: 2}]}",
            'Pricer", config: {baseRate: 1, either: {x: {low: 1, n: 2}}}',
        )
        assert [(message, advice) for _, _, message, advice in found] == [
            ("config.limits: unknown key 'hgh'", "Did you mean 'high'?"),
            ("config.allLimits[1]: unknown key 'lo'", "Did you mean 'low'?"),
            ("config.byName.x: unknown key 'hi'", "Did you mean 'high'?"),
            ("config.payment: unknown key 'coin'", "Did you mean 'coins'?"),
            ("config.shelf: unknown key 'widht'", "Did you mean 'width'?"),
            ("config.pair[1]: unknown key 'x'", "Limits has low, high."),
            ("config: unknown key 'base_rate'", "Did you mean 'baseRate'?"),
            ("config.marked: unknown key 'l'", "Limits has low, high."),
            ("config.either[0]: unknown key 'm'", "Limits has low, high."),
            ("config.either.x: unknown key 'n'", "Limits has low, high."),
        ]
        places = [(line, column) for line, column, _, _ in found]
        assert places == sorted(places)
        assert len(set(places)) == 10

    def test_every_field_that_does_not_fit_is_told(self, refused):
        """Law: not only the first: each field, and each of a Struct within."""
        found = refused(
            'Pricer", config: {baseRate: x, limits: {low: a, high: f}, marked: {low: d, high: e}, allLimits: [{low: 1}, {low: b}], byName: {k: {low: c}},'
            " folder: 3, shelf: {width: w}, anything: []}"
        )
        assert [message for _, _, message, _ in found] == [
            "config.baseRate: Expected `float`, got `str`",
            "config.limits.low: Expected `int`, got `str`",
            "config.limits.high: Expected `int`, got `str`",
            "config.marked.low: Expected `int`, got `str`",
            "config.marked.high: Expected `int`, got `str`",
            "config.allLimits[1].low: Expected `int`, got `str`",
            "config.byName: Expected `int`, got `str`",
            "config.folder: Expected a path as `str`, got `int`",
            "config.shelf.width: Expected `float`, got `str`",
            "config.anything: Expected `object`, got `array`",
        ]
        assert found[0][:2] == (3, 56)
        assert {advice for _, _, _, advice in found} == {
            f"Give what {name} takes, or change what it takes." for name in ("Pricing", "Limits")
        }

    def test_what_is_missing_is_told_where_it_belongs(self, refused):
        assert refused('Own", config: {high: 1}', 'Own"') == [
            (3, 42, "config: the key `low` is missing, which Limits requires", "Add it under `config`: {low: ...}."),
            (4, 3, "config: the key `low` is missing, which Limits requires", "Add it under `config`: {low: ...}."),
        ]

    def test_what_a_users_type_raises_is_a_problem_like_any_other(self, refused):
        """Law: nothing that a config's code raises leaves the loader, not even SystemExit."""
        found = refused('Angrier", config: {level: 1}', 'Angrier", config: {level: 2}')
        assert [message for _, _, message, _ in found] == ["config: KeyError: 'level'", "config: SystemExit: level"]

    def test_a_struct_that_msgspec_refuses(self, refused):
        """Law: a hint that cannot be evaluated or decoded is told as the class's, not raised."""
        first, second = refused('Clearer", config: {limits: {}}', 'Finder", config: {limits: {}}')
        assert "all Struct types must be tagged" in first[2]
        assert second[2] == "config: NameError: name 'Nowhere' is not defined"
        assert second[3] == "Give what Unknown takes, or change what it takes."

    def test_a_config_that_nobody_takes(self, refused):
        assert refused('None_", config: {rate: 1}') == [
            (
                3,
                44,
                "config: class None_ takes none",
                "Remove it, or say in the class what it takes: `config: SomeStruct`.",
            )
        ]


class TestDefinitionsMadeInPython:
    """Law: what was never in a file is checked the same; its problems have no place."""

    def test_problems_name_the_agent(self, base):
        system = SystemDefinition(
            name="s",
            agents=(
                AgentSpec(id="a", class_reference="nowhere:C"),
                AgentSpec(id="b", class_reference=""),
                AgentSpec(id="c", class_reference="shop"),
            ),
        )
        with pytest.raises(DefinitionError) as caught:
            resolve(system, base)
        assert [str(problem).split("\n")[0] for problem in caught.value.problems] == [
            "agent 'a': class: there is no module 'nowhere'",
            "agent 'b': class: '' is neither a module nor a Python file",
            "agent 'c': class: 'shop' names a module, but no class",
        ]

    def test_a_changed_copy_of_a_loaded_one_is_resolved(self, shop, base):
        path = shop / "s.yaml"
        path.write_text('system: s\nagents:\n- {id: a, class: "shop.py:Own"}\n')
        system = load_system(path)
        (agent,) = system.agents
        changed = msgspec.structs.replace(system, agents=(msgspec.structs.replace(agent, config={"low": 1}),))
        assert resolve(changed, base).actors["a"].config.low == 1
        with pytest.raises(DefinitionError) as caught:
            resolve(msgspec.structs.replace(system), base)
        assert str(caught.value).startswith(f"{path}: agent 'a': config: the key `low` is missing")


def test_mistakes_of_both_steps_are_told_at_once_in_file_order(shop, base):
    """Law: a wrong key and a wrong config in one file are two problems of one error."""
    text = """
        system: s
        agents:
        - {id: a, class: "shop.py:Own", config: {low: x}}
        - {id: b, class: "shop.py:Own", config: 5, instances: 0}
        - {id: b, class: "shop.py:Owm"}
        - {id: c, class: 5, config: {low: x}}
        - {id: d, class: "shop.py:"}
    """
    path = shop / "s.yaml"
    path.write_text(textwrap.dedent(text))
    with pytest.raises(DefinitionError) as caught:
        load_and_resolve(path, base)
    assert [(problem.line, problem.message) for problem in caught.value.problems] == [
        (4, "agent 'a': config.low: Expected `int`, got `str`"),
        (5, "agent 'b': config must be a mapping, not the number 5"),
        (5, "agent 'b': instances must be a whole number from 1 to 10,000, not the number 0"),
        (6, "the id 'b' is doubled; it stands at line 5, column 8 already"),
        (6, "agent 'b': class: there is no class 'Owm' in 'shop.py'"),
        (7, "agent 'c': class must be text, not the number 5"),
        (8, "agent 'd': class: 'shop.py:' names no class behind its colon"),
    ]
    path.write_text('system: s\nagents:\n- {id: a, class: "shop.py:Own", config: {low: 1}}\n')
    definition, resolved = load_and_resolve(path, base)
    assert definition == load_system(path)
    assert resolved.actors["a"].config.low == 1


def test_a_schema_that_is_not_there_is_told_at_its_place_beside_other_mistakes(tmp_path):
    """Law: it is looked for beside the file, and nothing is run without it."""
    file = tmp_path / "system.yaml"
    (tmp_path / "agents.py").write_text("class Agent: pass\n")
    file.write_text('system: s\nschema: tables.sql\nagents: [{id: a, class: "agents.py:Agnt"}]\n')
    with pytest.raises(DefinitionError) as caught:
        load_and_resolve(file, object)
    assert [(one.line, one.column) for one in caught.value.problems] == [(2, 9), (3, 25)]
    assert f"there is no file {tmp_path / 'tables.sql'}" in str(caught.value)
    (tmp_path / "tables.sql").write_text("")
    with pytest.raises(DefinitionError) as caught:
        load_and_resolve(file, object)
    assert [one.line for one in caught.value.problems] == [3]
