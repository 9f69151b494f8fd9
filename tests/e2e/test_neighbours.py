"""Two folders may each have a `helper.py` beside their actions: each file's imports are those beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest

from dagger_actors import ActorSystem, DefinitionError

ACTIONS = """
from dagger_actors import action
import helper
from helper import WHO as who
import kit.parts as parts
from kit import tools
from helper import again
MINE = '%s'

@action
def tell() -> list[str]:
    from later import WHO as later
    import later as whole
    import plain.inner
    return [helper.WHO, who, parts.WHO, tools.helper.WHO, later, whole.helper.WHO, plain.inner.WHO, MINE]
"""
FILES = {
    "actions.py": ACTIONS,
    "helper.py": "from dagger_actors import action\nWHO = '%s'\n@action\ndef again() -> str:\n    return WHO\n",
    "later.py": "WHO = '%s'\nimport helper\n",
    "kit/__init__.py": "from . import parts\n",
    "kit/parts.py": "import helper\nfrom .tools import helper as same\nassert same is helper\nWHO = helper.WHO\n",
    "kit/tools.py": "import helper\n",
    "plain/inner.py": "import kit\nWHO = kit.parts.WHO\n",
}
FLOW = """
name: nightly
actions: [%s]
nodes:
  - {id: tell, action: tell%s}
  - {id: again, action: again%s}
"""


def write(folder: Path, who: str, *, reference: str = "actions.py", in_process: bool = False) -> Path:
    """Write a flow, its actions and what they import; gives the flow."""
    for name, text in FILES.items():
        path = folder / who / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("%s", who))
    where = ", isolation: process" if in_process else ""
    (folder / who / "flow.yaml").write_text(FLOW % (reference, where, where))
    return folder / who / "flow.yaml"


def outputs(who: str) -> dict[str, object]:
    return {"tell": [who] * 8, "again": who}


@pytest.mark.parametrize("in_process", [False, True])
@pytest.mark.parametrize("reference", ["actions.py", "actions", "actions.py:tell, helper.py"])
def test_imports_are_those_beside_the_file(tmp_path: Path, reference: str, in_process: bool) -> None:
    """Law: at the top and in functions, of modules, packages and plain folders, and of what those import in turn."""
    flows = {who: write(tmp_path, who, reference=reference, in_process=in_process) for who in "ab"}
    path, names = list(sys.path), set(sys.modules)
    with ActorSystem(processes=1) as system:
        runs = {who: system.flows.start(flow) for who, flow in flows.items()}
        assert {who: run.result() for who, run in runs.items()} == {who: outputs(who) for who in "ab"}
    assert sys.path == path
    assert not {"helper", "later", "kit", "plain"} & (set(sys.modules) - names)


def play(folder: Path, actions: str, *, node: str = "", **files: str) -> object:
    """Run a flow of one action `work` beside these files; gives its output."""
    folder.mkdir(exist_ok=True)
    for name, text in {"actions": actions, **files}.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "flow.yaml").write_text(f"name: f\nactions: [actions.py]\nnodes: [{{id: work, action: work{node}}}]\n")
    with ActorSystem(processes=1) as system:
        report = system.flows.start(folder / "flow.yaml").wait()
        return system.flows.report(report.run_id).outputs["work"] if report.state == "succeeded" else report.nodes


def test_what_the_program_imports_itself_is_shared_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a module of the program's own, also one that it imports later, is not made twice."""
    monkeypatch.syspath_prepend(tmp_path)
    actions = "from dagger_actors import action\nimport shared_of_program\n@action\ndef work() -> str:\n    return shared_of_program.WHO\n"
    text = "WHO = 'shared'\n"
    assert play(tmp_path, actions, shared_of_program=text) == "shared"
    module = sys.modules.pop("shared_of_program")
    assert module.__file__ == str(tmp_path / "shared_of_program.py")
    other = tmp_path / "other"
    assert play(other, actions, shared_of_program="WHO = 'other'\n") == "other"
    assert "shared_of_program" not in sys.modules


def test_installed_packages_and_pythons_own_go_before_a_neighbour(tmp_path: Path) -> None:
    """Law: as it has always been: `json.py` and `msgspec.py` beside a file change nothing."""
    actions = "from dagger_actors import action\nimport json, msgspec\n@action\ndef work() -> str:\n    return json.dumps(msgspec.json.decode(b'[1]'))\n"
    assert play(tmp_path, actions, json="1 / 0", msgspec="1 / 0") == "[1]"


TYPES = """
from __future__ import annotations
import dataclasses, enum, pickle, typing
import msgspec

class Colour(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Row:
    colour: Colour
    rest: Row | None = None

class Sheet(msgspec.Struct):
    rows: list[Row]

class Torn(Exception):
    pass
"""
USES = """
from __future__ import annotations
import pickle, typing
from dagger_actors import Context, action
from sheets import Colour, Row, Sheet, Torn
import sheets

@action
def work(ctx: Context, sheet: Sheet = Sheet([])) -> Sheet:
    if ctx.attempt == 1:
        raise Torn("once")
    assert typing.get_type_hints(Row)["rest"] == Row | None
    return pickle.loads(pickle.dumps(Sheet([Row(Colour.RED, Row(Colour.RED))])))
"""


@pytest.mark.parametrize("where", ["", ", isolation: process"])
def test_types_of_a_neighbour_are_types_as_any_other(tmp_path: Path, where: str) -> None:
    """Law: hints, dataclasses, pickle and the names in `retry_on` work, the latter as the file imports them."""
    node = (
        where
        + ", try_count: 2, retry_strategy: {exponential: {initial_delay_secs: 0.01, jitter: 0}, retry_on: [sheets.Torn]}"
    )
    assert play(tmp_path, USES, node=node, sheets=TYPES) == {
        "rows": [{"colour": 1, "rest": {"colour": 1, "rest": None}}]
    }
    (tmp_path / "flow.yaml").write_text((tmp_path / "flow.yaml").read_text().replace("try_count: 2", "try_count: 1"))
    with ActorSystem(processes=1) as system:
        (node_report,) = system.flows.start(tmp_path / "flow.yaml").wait().nodes
    assert node_report.attempts[-1].error.type == "sheets.Torn"


BY_NAME = """
import importlib
from dagger_actors import action

@action
def work() -> str:
    return importlib.import_module("bare_name").WHO
"""


def test_a_bare_name_means_the_one_neighbour_and_is_refused_where_there_are_two(tmp_path: Path) -> None:
    """Law: never another folder's module; the refusal says what to do."""
    assert play(tmp_path / "a", BY_NAME, bare_name="WHO = 'a'") == "a"
    found = play(tmp_path / "b", BY_NAME, bare_name="WHO = 'b'")
    assert "bare_name" not in sys.modules
    message = found[0].attempts[-1].error.message
    assert message.startswith(f"a module 'bare_name' is in {tmp_path}/a and {tmp_path}/b, and its bare name")
    assert message.endswith("write an import statement in a file beside it")
    said = BY_NAME.replace("importlib.import_module(", "__import__(")
    assert play(tmp_path / "c", said, bare_name="WHO = 'c'") == "c"


def test_what_goes_wrong_beside_a_file_is_told_with_its_place(tmp_path: Path) -> None:
    """Law: file and line of the user's code, and modules by the names that their importer wrote."""
    head = "from dagger_actors import action\n"
    for name, text, wanted in (
        ("one", "import broken_one", "ZeroDivisionError: division by zero ({0}/broken_one.py:2)"),
        ("two", "import broken_two.deep", "ModuleNotFoundError: No module named 'broken_two.deep'"),
        (
            "three",
            "from broken_three import nothing",
            "ImportError: cannot import name 'nothing' from 'broken_three' (",
        ),
    ):
        folder = tmp_path / name
        broken = "x = 0\n1 / x\n" if name == "one" else ""
        with pytest.raises(DefinitionError) as caught:
            play(folder, head + text, **{f"broken_{name}": broken})
        message = caught.value.problems[0].message
        assert message.startswith(f"importing 'actions.py' failed: {wanted.format(folder)}")
        if name != "one":
            assert message.endswith(f"({folder}/actions.py:2)")


SYSTEM = "system: s\nagents: [{id: one, class: '%s:Teller'}]\n"
AGENT = """
from dagger_actors import Actor, handler
import helper_of_agents
import msgspec

class Who(msgspec.Struct, frozen=True):
    pass

class Teller(Actor):
    @handler
    def tell(self, message: Who) -> str:
        return helper_of_agents.WHO
"""


@pytest.mark.parametrize("reference", ["agents.py", "agents"])
def test_system_files_import_what_is_beside_them_too(tmp_path: Path, reference: str) -> None:
    """Law: two system files, each with its `agents.py` and what that imports, in one process."""
    told = {}
    for who in "ab":
        folder = tmp_path / who
        folder.mkdir()
        (folder / "agents.py").write_text(AGENT)
        (folder / "helper_of_agents.py").write_text(f"WHO = {who!r}")
        (folder / "system.yaml").write_text(SYSTEM % reference)
        with ActorSystem.from_spec(folder / "system.yaml") as system:
            ref = system.actors["one"]
            told[who] = ref.ask(sys.modules[ref.actor_class.__module__].Who())
    assert told == {"a": "a", "b": "b"}


def test_what_is_mended_within_a_second_and_by_no_letter_more_is_what_runs(program) -> None:
    """Law: the code that runs is that of the files, in processes that keep bytecode too."""
    program.environment.pop("PYTHONDONTWRITEBYTECODE", None)
    flow = write(program.folder, "a")
    files = [path for path in flow.parent.rglob("*.py") if "'a'" in path.read_text()]
    for who in "ab":
        for path in files:
            path.write_text(path.read_text().replace("'a'", f"'{who}'"))
            os.utime(path, (1e9, 1e9))
        done = program("run", str(flow), "--json")
        assert msgspec.json.decode(done.stdout)["outputs"] == outputs(who), done.stderr
