"""A01, chain: add = 30, square = 900, triple = 2700 and a text; in parallel and one at a time; listed by its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dagger_actors import ActorSystem, Report
from dagger_actors.cli.spec_files import list_specs
from dagger_actors.cli.specs import list_folder
from dagger_actors.errors import DefinitionError, InvalidInputs
from dagger_actors.flow.definition import FlowDefinition

SPECS = Path(__file__).parents[2] / "specs"
CHAIN = SPECS / "chain.yaml"
VALUES = {"sum": 30, "square": 900, "triple": 2700, "text": "example_string"}
TIMES = {"run_id", "created_us", "started_us", "finished_us", "elapsed_us", "due_us"}


def untimed(value: Any) -> Any:
    """The same without when and under which id."""
    if isinstance(value, Mapping):
        return {key: untimed(one) for key, one in value.items() if key not in TIMES}
    return [untimed(one) for one in value] if isinstance(value, list | tuple) else value


def facts(report: Report) -> Any:
    return untimed(msgspec.to_builtins(report))


class TestTheChain:
    def test_it_gives_30_900_2700_and_the_text(self, system: ActorSystem) -> None:
        """Law: each node's output is the next one's input; the flow's defaults are its inputs."""
        report = system.flows.start(CHAIN).wait(timeout=30)
        assert (report.state, report.error, report.outputs) == ("succeeded", None, VALUES)
        assert report.inputs == {"num1": 10, "num2": 20}
        assert [(node.node_id, node.state, node.output) for node in report.nodes] == [
            ("add", "succeeded", 30),
            ("square", "succeeded", 900),
            ("triple", "succeeded", {"result": 2700, "text": "example_string"}),
        ]
        assert [len(node.attempts) for node in report.nodes] == [1, 1, 1]

    def test_other_inputs_give_other_values(self, system: ActorSystem) -> None:
        """Law: inputs given win over defaults, one by one."""
        assert system.flows.start(CHAIN, {"num1": 1}).result(timeout=30) == {
            "sum": 21,
            "square": 441,
            "triple": 1323,
            "text": "example_string",
        }

    @pytest.mark.parametrize("inputs", [{"num1": "ten"}, {"num1": True}, {"num3": 1}])
    def test_inputs_it_does_not_take_start_nothing(self, system: ActorSystem, inputs: dict[str, Any]) -> None:
        """Law: an unknown or ill-typed input is refused before there is a run."""
        with pytest.raises(InvalidInputs, match=next(iter(inputs))):
            system.flows.start(CHAIN, inputs)
        assert system.flows.runs() == []

    def test_the_report_is_the_same_in_parallel_and_one_at_a_time(self, system: ActorSystem) -> None:
        """Law: how many nodes may run at once changes no fact of a run but its times."""
        reports = [
            system.flows.start(CHAIN, **how).wait(timeout=30)
            for how in ({}, {"sequential": True}, {"parallel": 1}, {"parallel": 7})
        ]
        assert facts(reports[0])["outputs"] == VALUES
        assert [facts(report) for report in reports[1:]] == [facts(reports[0])] * 3
        assert len({report.run_id for report in reports}) == 4

    def test_times_are_in_order(self, system: ActorSystem) -> None:
        """Law: an attempt starts after its run and after the one it depends on has ended; none ends before it starts."""
        report = system.flows.start(CHAIN).wait(timeout=30)
        moments = [report.created_us, report.started_us]
        for node in report.nodes:
            (attempt,) = node.attempts
            moments += [attempt.started_us, attempt.finished_us]
        moments.append(report.finished_us)
        assert moments == sorted(moments)
        assert report.elapsed_us <= report.finished_us - report.created_us


def flow_text(name: str, **keys: str) -> str:
    head = "".join(f"{key}: {value}\n" for key, value in keys.items())
    return f"name: {name}\n{head}nodes:\n  - {{id: only, action: not_looked_for}}\n"


class TestTheList:
    def test_it_shows_what_each_flow_says_of_itself(self) -> None:
        """Law: metadata is read without importing any action."""
        found = {path.name: flow for path, flow in list_specs(SPECS)}
        chain = found["chain.yaml"]
        assert isinstance(chain, FlowDefinition)
        assert (chain.name, chain.version, chain.author) == ("infolder", "1", "The dagger_actors authors")
        assert chain.tags == ("example", "chain")
        assert chain.description
        assert list(chain.inputs or {}) == ["num1", "num2"]

    def test_files_are_sorted_and_names_keep_their_case(self, tmp_path: Path) -> None:
        """Law: every key of identity comes back as written; other files are not looked at."""
        keys = {
            "description": "What it does",
            "author": "Ada",
            "version": "'1.10'",
            "signature": "f(x) -> y",
            "instructions": "Run it",
            "tags": "[Nightly, b]",
        }
        (tmp_path / "b.yml").write_text(flow_text("Data_Pipeline", **keys))
        (tmp_path / "a.yaml").write_text(flow_text("data_pipeline"))
        (tmp_path / "note.txt").write_text("no flow")
        (_, first), (_, second) = found = list(list_specs(tmp_path))
        assert [path.name for path, _ in found] == ["a.yaml", "b.yml"]
        assert isinstance(first, FlowDefinition)
        assert isinstance(second, FlowDefinition)
        assert (first.name, first.tags, first.version) == ("data_pipeline", (), "")
        assert second.name == "Data_Pipeline"
        assert second.tags == ("Nightly", "b")
        assert (second.description, second.author, second.version) == ("What it does", "Ada", "1.10")
        assert (second.signature, second.instructions) == ("f(x) -> y", "Run it")

    def test_a_broken_file_hides_no_other(self, tmp_path: Path) -> None:
        """Law: the error stands in the place of the flow."""
        (tmp_path / "a.yaml").write_text("nodes: []\n")
        (tmp_path / "b.yaml").write_text(flow_text("whole"))
        (_, broken), (_, whole) = list_specs(tmp_path)
        assert isinstance(broken, DefinitionError)
        assert isinstance(whole, FlowDefinition)

    @pytest.mark.parametrize(
        ("wanted", "names"),
        [
            (["--tag", "red"], ["one", "two"]),
            (["--tag", "red", "--tag", "blue"], ["two"]),
            (["--tag", "red", "--tag", "blue", "--any"], ["one", "three", "two"]),
            (["--tag", "Red"], []),
            ([], ["none", "one", "three", "two"]),
        ],
    )
    def test_tags_filter_by_all_or_by_any(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], wanted: list[str], names: list[str]
    ) -> None:
        """Law: several tags mean all of them; with --any, one is enough; tags keep their case."""
        for name, tags in {"one": "[red]", "two": "[red, blue]", "three": "[blue]", "none": "[]"}.items():
            (tmp_path / f"{name}.yaml").write_text(flow_text(name, tags=tags))
        tags = tuple(word for word in wanted if not word.startswith("--"))
        assert list_folder(str(tmp_path), tag=tags, any_tag="--any" in wanted, as_json=True) == 0
        assert [flow["name"] for flow in msgspec.json.decode(capsys.readouterr().out)] == names
