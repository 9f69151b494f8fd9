"""The search index of ``specs/index.yaml``: on a small folder of packages, killed at every commit, and on what is installed here."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors import ActorSystem
from dagger_actors.errors import TaskFailed
from dagger_actors.testing import Simulation, explore, load, plugin, simulate

sim = plugin.sim  # users have this one by themselves; here a conftest has another of the same name
SPECS = Path(__file__).parents[2] / "specs"
SPEC = SPECS / "index.yaml"
agents = load(SPECS / "index_agents.py")
PATIENCE_S = 120

PACKAGES = {
    "tea": {
        "tea/__init__.py": '"""Everything about tea."""\nraise SystemExit("nobody imports what is indexed")\n',
        "tea/kettle.py": (
            'class Kettle:\n    """Boils water."""\n\n    def wait(self):\n        """Waits until the water boils."""\n\n'
            'if True:\n    def water():\n        def tap():\n            "Water from the tap, in a function."\n'
        ),
    },
    "Old_Coffee": {
        "coffee/beans.py": '"""Beans, and water for them, \\ud800 and \\0 as well."""\n',
        "coffee/broken.py": "def grind(:\n",
        "coffee/latin.py": b'"""caf\xe9"""\n',
    },
}


def install(site: Path, packages: dict[str, Any]) -> None:
    """Write packages as an installer leaves them."""
    for name, files in packages.items():
        record = site / f"{name}-1.0.dist-info" / "RECORD"
        record.parent.mkdir(parents=True, exist_ok=True)
        (record.parent / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        record.write_text("".join(f"{file},,\n" for file in files))
        for file, content in files.items():
            (site / file).parent.mkdir(exist_ok=True)
            (site / file).write_bytes(content.encode() if isinstance(content, str) else content)


def uninstall(site: Path, name: str, folder: str) -> None:
    shutil.rmtree(site / folder)
    shutil.rmtree(site / f"{name}-1.0.dist-info")


def rewrite(file: Path, text: str) -> None:
    """Write a file, later than it was written before whatever the disk's clock ticks in."""
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with two packages, of which one has two modules that cannot be parsed."""
    folder = tmp_path / "site"
    install(folder, PACKAGES)
    return folder


@pytest.fixture
def system(sim: Simulation) -> ActorSystem:
    return sim.system(spec=SPEC)


@pytest.fixture
def update(system: ActorSystem, site: Path) -> Callable[..., dict[str, Any]]:
    def update(**wanted: Any) -> dict[str, Any]:
        done = system.tasks.submit("index", {"folders": [str(site)], **wanted}).result()
        return msgspec.to_builtins(done)

    return update


@pytest.fixture
def search(system: ActorSystem, site: Path) -> Callable[..., list[tuple[str, str]]]:
    def search(query: str, **more: Any) -> list[tuple[str, str]]:
        answer = msgspec.to_builtins(system.tasks.submit("search", {"query": query, **more}).result())
        assert answer["total"] >= len(answer["hits"])
        return [(hit["name"], hit["place"].removeprefix(f"{site}/")) for hit in answer["hits"]]

    return search


# --- what is found


def test_docstrings_are_found_in_whatever_form_a_word_has_and_names_go_before_texts(update, search) -> None:
    update()
    assert search("tea") == [("", "tea/__init__.py:1")]
    assert search("waiting") == [("Kettle.wait", "tea/kettle.py:4")]
    assert search("water")[0] == ("water.tap", "tea/kettle.py:9")
    assert len(search("water")) == 4
    assert search("water beans") == [("", "coffee/beans.py:1")]
    assert search('"water boils"') == search("boi* until") == [("Kettle.wait", "tea/kettle.py:4")]
    assert search("milk") == search("") == search("*") == []
    assert len(search("water", hits=2)) == 2


def test_a_hit_shows_the_part_that_fits_with_the_words_in_brackets(update, system: ActorSystem) -> None:
    update()
    answer = msgspec.to_builtins(system.tasks.submit("search", {"query": "boil until"}).result())
    (hit,) = answer["hits"]
    assert (hit["package"], hit["snippet"]) == ("tea", "Waits [until] the water [boils].")


def test_what_cannot_be_parsed_is_skipped_and_told_every_time(update, search) -> None:
    for parsed in (5, 0):
        done = update()
        assert (done["packages"], done["modules"], done["parsed"], done["skipped_count"]) == (2, 5, parsed, 2)
        told = {Path(one["path"]).name: one["problem"].split(":")[0] for one in done["skipped"]}
        assert told == {"broken.py": "SyntaxError", "latin.py": "SyntaxError"}
    assert search("beans")


@given(st.lists(st.sampled_from([*'ab"*()^:+-{}é ', "AND", "NOT", "NEAR", "\0", "\n"]), max_size=20).map("".join))
def test_nothing_that_a_person_types_is_an_error_of_syntax(query: str) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE VIRTUAL TABLE docstrings USING fts5(name, text)")
    wanted = agents.match(query)
    if wanted:
        assert list(connection.execute("SELECT * FROM docstrings WHERE docstrings MATCH ?", (wanted,))) == []


# --- what changes


def test_only_what_changed_is_parsed_again_and_what_is_gone_is_forgotten(update, search, site: Path) -> None:
    assert update()["parsed"] == 5
    rewrite(site / "tea/kettle.py", '"""A kettle, now of copper."""\n')
    (site / "coffee/beans.py").unlink()
    done = update()
    assert (done["parsed"], done["docstrings"], done["forgotten"], done["modules"]) == (1, 1, 1, 4)
    assert search("water") == []
    assert search("copper") == [("", "tea/kettle.py:1")]
    uninstall(site, "tea", "tea")
    install(site, {"milk": {"milk/__init__.py": '"""Milk, and no tea."""\n'}})
    update()
    assert search("tea") == [("", "milk/__init__.py:1")]


def test_a_module_that_breaks_loses_its_docstrings_and_gets_them_back_when_mended(update, search, site: Path) -> None:
    update()
    kettle = site / "tea/kettle.py"
    rewrite(kettle, "class (")
    assert update()["skipped_count"] == 3
    assert [place for _, place in search("water")] == ["coffee/beans.py:1"]
    rewrite(kettle, '"""Water again."""')
    assert update()["skipped_count"] == 2
    assert len(search("water")) == 2


def test_a_module_that_two_packages_have_is_parsed_once(update, search, site: Path) -> None:
    install(site, {"earl_grey": {"tea/__init__.py": PACKAGES["tea"]["tea/__init__.py"]}})
    assert update(packages=["tea"])["parsed"] == 2
    assert [update()["parsed"], update()["parsed"]] == [3, 0]
    assert len(search("tea")) == 1


def test_what_is_asked_for_and_not_there_is_told_and_nothing_is_forgotten(update, search, site: Path) -> None:
    update()
    for wanted, told in (
        ({"packages": ["tea", "cocoa"]}, "not installed: cocoa"),
        ({"folders": ["gone"]}, "folder gone"),
    ):
        with pytest.raises(TaskFailed, match=told):
            update(**wanted)
    assert search("tea")


def test_a_file_that_cannot_be_read_is_tried_again_then_told_and_the_next_update_has_it(
    update, search, site: Path, sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, tries = Path.read_bytes, []

    def refuse(path: Path) -> bytes:
        if path.name == "kettle.py":
            tries.append(sim.now_s)
            raise PermissionError(13, "Permission denied")
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        done = update()
    assert len(tries) == 3
    assert done["parsed"] == 4
    assert "Permission denied" in next(one["problem"] for one in done["skipped"] if one["path"].endswith("kettle.py"))
    assert update()["parsed"] == 1
    assert search("boils")


def test_an_update_of_some_packages_leaves_the_others_as_they_are(update, search) -> None:
    update()
    done = update(packages=["old.coffee"])
    assert (done["packages"], done["modules"], done["parsed"]) == (1, 3, 0)
    assert search("tea")


# --- whatever happens


def rows(system: ActorSystem) -> list[tuple[Any, ...]]:
    """All that an index holds, and what is left of its making."""
    with apsw.Connection(str(system.path)) as connection:
        index = list(connection.execute("SELECT name, text, path, line FROM docstrings ORDER BY path, line"))
        rest = list(connection.execute("SELECT count(*) FROM found UNION ALL SELECT count(*) FROM modules"))
        connection.execute("INSERT INTO docstrings(docstrings) VALUES('integrity-check')")
    return [*index, *rest]


def build(system: ActorSystem, site: Path) -> list[tuple[Any, ...]]:
    """Bring the index up to date once, however often this is called for one state of the packages."""
    state = hash(tuple((str(file), file.stat().st_mtime_ns) for file in sorted(site.rglob("*.py"))))
    system.tasks.submit("index", {"folders": [str(site)]}, key=str(state)).result()
    return rows(system)


def dying_everywhere(site: Path, before: Path | None, after: Path, seeds: int) -> list[tuple[Any, ...]]:
    """Bring an index up to date undisturbed, then with a death around each commit; it must come out the same."""

    def start(sim: Simulation) -> None:
        if before is not None:
            shutil.copy(before, sim.path)

    with simulate(seed=0) as undisturbed:
        start(undisturbed)
        system = undisturbed.system(spec=SPEC)
        expected = build(system, site)
        system.stop()
        shutil.copy(undisturbed.path, after)

    def the_index_is_whole(sim: Simulation) -> None:
        start(sim)
        assert sim.keep_going(lambda system: build(system, site), spec=SPEC) == expected

    explored = explore(the_index_is_whole, seeds=seeds, crash="every_commit")
    assert explored.commits >= 8
    return expected


@pytest.mark.parametrize("seeds", [1, pytest.param(3, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_the_index_is_the_same_whenever_a_process_dies(site: Path, tmp_path: Path, seeds: int) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    found = dying_everywhere(site, None, first, seeds)
    assert [name for name, *_ in found[:-2]] == ["", "", "Kettle", "Kettle.wait", "water.tap"]
    assert found[-2:] == [(0,), (5,)]
    rewrite(site / "tea/kettle.py", "class (\n")
    rewrite(site / "coffee/broken.py", '"""Mended."""\n')
    (site / "coffee/beans.py").unlink()
    found = dying_everywhere(site, first, second, seeds)
    assert [text for _, text, *_ in found[:-2]] == ["Mended.", "Everything about tea."]
    assert found[-2:] == [(0,), (4,)]


def test_two_workers_share_the_work_and_one_may_be_killed_in_its_middle(site: Path, tmp_path: Path) -> None:
    with simulate(seed=0) as undisturbed:
        expected = build(undisturbed.system(spec=SPEC), site)
    for seed in range(5):
        with simulate(seed=seed) as sim:
            first, second = (sim.system(spec=SPEC, recover=True) for _ in range(2))
            task = second.tasks.submit("index", {"folders": [str(site)]}, key="both")
            sim.kill_at(first, 1 + seed)
            task.result()
            assert rows(second) == expected


def test_updates_at_the_same_time_find_everything_once(site: Path) -> None:
    for seed in range(5):
        with simulate(seed=seed) as sim:
            system = sim.system(spec=SPEC)
            tasks = system.tasks.submit_many("index", [{"folders": [str(site)]}] * 3)
            assert {msgspec.to_builtins(task.result())["modules"] for task in tasks} == {5}
            assert len(rows(system)) == 5 + 2


# --- what is installed here


def test_the_installed_packages_are_indexed_by_real_processes(tmp_path: Path) -> None:
    with ActorSystem(tmp_path / "index.db", spec=SPEC) as system:
        done = msgspec.to_builtins(system.tasks.submit("index", {"packages": ["pykka", "tenacity"]}).result(PATIENCE_S))
        assert (done["packages"], done["skipped"]) == (2, [])
        assert done["parsed"] == done["modules"] > 10
        answer = msgspec.to_builtins(system.tasks.submit("search", {"query": "wait_exponential"}).result(PATIENCE_S))
        assert "tenacity" in answer["hits"][0]["place"]


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_everything_installed_is_indexed_once_and_then_nothing_is_parsed_again(tmp_path: Path) -> None:
    with ActorSystem(tmp_path / "index.db", spec=SPEC, synchronous="normal") as system:
        first = msgspec.to_builtins(system.tasks.submit("index", {}).result(600))
        names = {agents.normal(one.metadata["Name"]) for one in importlib.metadata.distributions()}
        assert first["packages"] == len(names)
        assert first["parsed"] == first["modules"]
        assert first["docstrings"] > 1000
        again = msgspec.to_builtins(system.tasks.submit("index", {}).result(600))
        assert again == {**first, "parsed": 0, "docstrings": 0}
