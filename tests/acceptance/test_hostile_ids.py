"""FAULTS 19, through flows: hostile ids of nodes, runs, artifacts and map items are refused by name, or come back letter for letter.

Either way nothing is written outside the database's own files, whose names are ours alone, and no command prints what
would steer a terminal. A few examples in CI; many more behind the marker: ``pytest -m full tests/acceptance/test_hostile_ids.py``.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagger_actors import Context, DefinitionError, action
from dagger_actors.cli.app import main
from dagger_actors.cli.text import HOSTILE as STEERING
from dagger_actors.errors import RequestError
from dagger_actors.testing.simulation import Simulation, simulate

SHARED = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
OURS = re.compile(r"[A-Za-z0-9._-]+")
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

NAMES = [
    "..", ".", "../../../../escaped", "/absolute/path", "\0", "a\0b", "x" * 5000, "x" * 200, "x" * 201,
    unicodedata.normalize("NFC", "Zürich"), unicodedata.normalize("NFD", "Zürich"), "ZÜRICH", "zürich", "A", "a", "\u0130", "\u0131",
    "\x1b[2J\x1b]0;owned\x07", "\x9b2J", "\u202eevil", "\u2028", "line\nbreak", "tab\there", "\r",
    "[bold red]x[/]", "<script>alert(1)</script>", "&amp;", '"]; click n0 href "javascript:1"', "]]>", "{{x}}", "`x`", "%s",
    "-rf", "--db", "~", "$(touch escaped)", "; touch escaped", "'; DROP TABLE node_runs; --", "a/b\\c", "a b", " ", "",
    "CON", "nul", "manifest.json", "inputs", "null", "0", "\ud800", "\ufeff", "👩\u200d🚀", "ﷺ" * 40,
]  # fmt: skip
"""Every kind that the matrix names, and what else has broken a program that took a name for a path, markup or a command."""

names = st.sampled_from(NAMES) | st.text(max_size=40)
FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def is_taken(name: str) -> bool:
    """The rule that messages tell: 1 to 200 printable characters."""
    return name.isprintable() and 1 <= len(name) <= 200


def is_run_id(name: str) -> bool:
    """Those with a slash are of runs inside others."""
    return is_taken(name) and "/" not in name


def is_node_id(name: str) -> bool:
    """Ids in files may hold what joins or marks letters too, but no control character."""
    return 1 <= len(name) <= 200 and not CONTROLS.search(name) and name != "inputs"


@contextlib.contextmanager
def world() -> Iterator[Simulation]:
    """A simulation in a folder inside another; whatever comes to lie in the outer one has escaped."""
    with tempfile.TemporaryDirectory(dir=SHARED) as root:
        inside = Path(root) / "inside"
        inside.mkdir()
        with simulate(0, inside) as sim:
            yield sim
        assert [path.name for path in Path(root).iterdir()] == ["inside"], "something was written outside"
        exported = inside / "exported"
        for path in inside.rglob("*"):
            is_plain = path.name.isascii() and path.name.isprintable() and not path.name.startswith((".", "-"))
            assert is_plain if path.parent == exported else OURS.fullmatch(path.name), path


def run(*words: str) -> tuple[int, str, str]:
    """Run one command in this process, its streams as a terminal without colours would have them."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2)]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        status = main(words)
    told = []
    for stream in streams:
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        told.append(stream.buffer.getvalue().decode())
    return status, told[0], told[1]


def look(sim: Simulation, run_id: str, nodes: list[str], *, is_drawn: bool = True) -> None:
    """Look at a run by every command, as a person would; nothing may steer the terminal."""
    db = ("--db", str(sim.path))
    verbs = [("runs",), ("show", "--logs", "--", run_id), ("artifacts", "list")]
    verbs += [("why", "--", run_id, node) for node in nodes]
    for words in verbs:
        status, out, err = run(words[0], *db, *words[1:]) if words[0] != "artifacts" else run(*words, *db)
        assert status == 0, (words, err)
        assert not STEERING.search(out + err), words
        assert len(out) < 100_000
    report = msgspec.json.decode(run("show", "--json", *db, "--", run_id)[1])
    assert report["run_id"] == run_id
    assert {node["node_id"] for node in report["nodes"]} == set(nodes)
    for kind in ("mermaid", "dot", "svg") if is_drawn else ():
        status, drawn, err = run("graph", *db, "--format", kind, f"--run={run_id}")
        assert status == 0, err
        assert not set(drawn) & set("\x00\x1b\x9b\x07")
        if kind == "svg":
            assert not [one for one in ET.fromstring(drawn).iter() if one.tag.endswith("script")]
    out = sim.path.with_name("exported")
    assert run("artifacts", "export", *db, "--", run_id, str(out))[0] == 0


def told_safely(error: Exception) -> None:
    """A refusal names its culprit in one printable piece, however long or hostile that is."""
    text = str(error)
    assert len(text) < 2000
    assert not set(text) & set("\x00\x1b\x9b\x07")


@action
def work(ctx: Context) -> dict[str, Any]:
    ctx.save("kept", ctx.node_id)
    ctx.log(f"in {ctx.node_id} of {ctx.run_id}")
    return {"me": ctx.node_id, "key": ctx.idempotency_key}


def nodes_property(ids: list[str]) -> None:
    spec = {"name": "nodes", "nodes": [{"id": one, "action": "work"} for one in ids]}
    is_good = all(is_node_id(one) for one in ids)
    with world() as sim:
        system = sim.system(actions=[work])
        try:
            report = system.flows.start(spec, run_id="r").wait()
        except DefinitionError as error:
            told_safely(error)
            assert not is_good
            assert system.flows.runs() == []
            return
        assert is_good
        assert [node.node_id for node in report.nodes] == ids
        assert {node.output["me"] for node in report.nodes} == set(ids)
        assert len({node.output["key"] for node in report.nodes}) == len(ids)
        look(sim, "r", ids)


node_ids = given(st.lists(names, min_size=1, max_size=5, unique=True))


@node_ids
@FEW
def test_ids_of_nodes(ids: list[str]) -> None:
    nodes_property(ids)


@pytest.mark.full
@pytest.mark.timeout(1800)
@node_ids
@MANY
def test_ids_of_nodes_in_full(ids: list[str]) -> None:
    nodes_property(ids)


def runs_property(ids: list[str]) -> None:
    with world() as sim:
        system = sim.system(actions=[work])
        taken: list[str] = []
        for run_id in ids:
            try:
                report = system.flows.start(
                    {"name": "f", "nodes": [{"id": "n", "action": "work"}]}, run_id=run_id
                ).wait()
            except RequestError as error:
                told_safely(error)
                assert not is_run_id(run_id)
                continue
            assert is_run_id(run_id)
            assert (report.run_id, report.nodes[0].output["key"]) == (run_id, f"{run_id}/n")
            taken.append(run_id)
        assert sorted(one.run_id for one in system.flows.runs()) == sorted(taken), (
            "case and composition tell them apart"
        )
        for run_id in taken[:1]:
            look(sim, run_id, ["n"])


run_ids = given(st.lists(names, min_size=1, max_size=5, unique=True))


@run_ids
@FEW
def test_ids_of_runs(ids: list[str]) -> None:
    runs_property(ids)


@pytest.mark.full
@pytest.mark.timeout(1800)
@run_ids
@MANY
def test_ids_of_runs_in_full(ids: list[str]) -> None:
    runs_property(ids)


def artifacts_property(saved: list[str], size: int) -> None:
    refused: dict[str, Exception] = {}

    @action
    def saves(ctx: Context) -> int:
        for number, name in enumerate(saved):
            try:
                ctx.save(name, number.to_bytes(2) * size)
            except Exception as error:
                refused[name] = error
        return len(saved)

    with world() as sim:
        system = sim.system(actions=[saves])
        report = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "saves"}]}, run_id="r").wait()
        assert report.state == "succeeded"
        assert {one.name for one in report.nodes[0].artifacts} == {name for name in saved if is_taken(name)}
        assert refused.keys() == {name for name in saved if not is_taken(name)}
        for error in refused.values():
            told_safely(error)
        for one in report.nodes[0].artifacts:
            assert system.artifacts.get(one) == saved.index(one.name).to_bytes(2) * size
        look(sim, "r", ["n"], is_drawn=False)
        exported = [path for path in sim.path.with_name("exported").iterdir() if path.name != "manifest.json"]
        assert len(exported) == len(report.nodes[0].artifacts)


artifact_names = given(st.lists(names, min_size=1, max_size=6, unique=True), st.sampled_from([1, 20_000]))


@artifact_names
@FEW
def test_names_of_artifacts(saved: list[str], size: int) -> None:
    artifacts_property(saved, size)


@pytest.mark.full
@pytest.mark.timeout(1800)
@artifact_names
@MANY
def test_names_of_artifacts_in_full(saved: list[str], size: int) -> None:
    artifacts_property(saved, size)


def keys_property(keys: list[str]) -> None:
    seen: list[str] = []

    @action
    def each(item: dict[str, str], ctx: Context) -> str:
        ctx.save("kept", b"k")
        seen.append(ctx.invocation_key)
        return item["key"]

    spec = {
        "name": "f",
        "inputs": {"items": {"type": "list"}},
        "nodes": [{"id": "each", "action": "each", "map": {"over": "inputs.items", "item": "item", "key": "item.key"}}],
    }
    with world() as sim:
        system = sim.system(actions=[each])
        try:
            report = system.flows.start(spec, {"items": [{"key": key} for key in keys]}, run_id="r").wait()
        except RequestError as error:
            told_safely(error)
            assert any("\ud800" <= character <= "\udfff" for key in keys for character in key)
            return
        if all(is_taken(key) for key in keys):
            assert report.outputs == {"each": keys}
            assert sorted(seen) == sorted(keys)
            assert sorted(node.invocation_key for node in report.nodes if node.invocation_key) == sorted(keys)
        else:
            assert (report.state, seen) == ("failed", [])
            assert "is not 1 to 200 printable characters" in (report.error or "")
            assert len(report.error or "") < 2000
        look(sim, "r", ["each"])


map_keys = given(st.lists(names, min_size=1, max_size=5, unique=True))


@map_keys
@FEW
def test_keys_of_map_items(keys: list[str]) -> None:
    keys_property(keys)


@pytest.mark.full
@pytest.mark.timeout(1800)
@map_keys
@MANY
def test_keys_of_map_items_in_full(keys: list[str]) -> None:
    keys_property(keys)


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:30] for name in NAMES])
def test_each_name_in_every_place(name: str) -> None:
    """Law: none of the listed kinds is left to chance."""
    nodes_property([name])
    runs_property([name])
    artifacts_property([name], 20_000)
    keys_property([name])
