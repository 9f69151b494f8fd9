"""Laws of loading over drawn flows and over broken text."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.reading.core_schema import resolve
from tests.strategies import flows, to_yaml

MINIMAL = """
name: data_pipeline
config: {retry_strategy: {exponential: {jitter: 0.5}}, on_failure: stop}
inputs: {limit: {type: int, default: 3}}
nodes:
  - {id: fetch, dependencies: [], action: fetch_data}
  - id: process
    dependencies: [fetch]
    action: process_type_a
    inputs: {rows: fetch.rows, limit: inputs.limit, word: {value: [1, 2.5, null]}}
    map: {over: fetch, item: row}
outputs: {total: process.total}
"""

quick = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def without_file(flow: FlowDefinition) -> FlowDefinition:
    return msgspec.structs.replace(flow, file="")


def load_text(folder: Path, content: bytes) -> FlowDefinition:
    path = folder / "flow.yaml"
    path.write_bytes(content)
    return load_flow(path)


@quick
@given(flows())
def test_a_drawn_flow_loads_the_same_from_data_and_from_yaml(tmp_path, flow):
    """Law: a valid flow loads, and its form does not matter."""
    from_data = load_flow(flow)
    from_json = load_text(tmp_path, to_yaml(flow).encode())
    assert without_file(from_json) == without_file(from_data)
    assert [node.id for node in from_data.nodes] == [node["id"] for node in flow["nodes"]]


@quick
@given(flows())
def test_block_style_means_the_same_as_flow_style(tmp_path, flow):
    """Law: what another emitter writes of the same data loads the same."""
    text = yaml.safe_dump(flow, allow_unicode=True, sort_keys=False, default_style='"', width=10**9)
    # The emitter quotes numbers and tags them: take both away.
    text = re.sub(r'!!(?:int|float|bool|null) "([^"]*)"', r"\1", text)
    assert without_file(load_text(tmp_path, text.encode())) == without_file(load_flow(flow))


@quick
@given(flows())
def test_a_definition_survives_its_encoding(flow):
    """Law: a definition is JSON, so that a run can be pinned to it."""
    loaded = load_flow(flow)
    assert msgspec.json.decode(msgspec.json.encode(loaded), type=FlowDefinition) == loaded


@quick
@given(flows())
def test_what_a_node_refers_to_is_an_ancestor(flow):
    """Law: positions of references and dependencies are those of the nodes meant, and never the node's own."""
    loaded = load_flow(flow)
    ids = [node.id for node in loaded.nodes]
    for written, node in zip(flow["nodes"], loaded.nodes, strict=True):
        assert [ids[on] for on in node.dependencies] == written.get("dependencies", [])
        assert loaded.nodes.index(node) not in node.dependencies


def problems_of(source: Path | dict) -> tuple[Problem, ...]:
    try:
        load_flow(source)
    except DefinitionError as error:
        # Without one, a refusal would say nothing.
        return error.problems or (Problem(""),)
    return ()


def is_refused_or_loaded(folder: Path, content: bytes) -> None:
    path = folder / "flow.yaml"
    path.write_bytes(content)
    for problem in problems_of(path):
        assert problem.message
        assert str(problem)
        assert 0 <= problem.line <= content.count(b"\n") + 1


@quick
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb\xbf\xff")
@example(b"a: \xe2\x80")
@example(b"%YAML 1.2\n---\n...\n---\n")
@example(b"? ")
@example(b"&a : *a")
@example(b"{&k a: *k}")
@example(b"- \r\n- \r")
def test_random_bytes_raise_nothing_but_a_definition_error(tmp_path, content):
    """Law: no file, whatever it holds, raises anything else."""
    is_refused_or_loaded(tmp_path, content)


@quick
@given(st.data())
def test_mutated_yaml_raises_nothing_but_a_definition_error(tmp_path, data):
    """Law: a flow that was damaged anywhere is refused or loads; it never crashes the loader."""
    text = MINIMAL
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        pieces = st.sampled_from(
            ["", " ", "\n", "\t", ":", "- ", "[", "]", "{", "}", "*a", "&a ", "!!int ", "<<: ", "?", "'", '"', "0", ".nan", "null", "|", "\x85", "\u2028", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")]
        )  # fmt: skip
        text = text[:start] + data.draw(pieces) + text[end:]
    is_refused_or_loaded(tmp_path, text.encode())


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["name", "nodes", "id", "action", "inputs", "map", "over", "item", "value", "config"]),
                st.integers(),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@quick
@given(
    st.dictionaries(st.sampled_from(["name", "nodes", "inputs", "outputs", "actions", "config", "tags", "x"]), anything)
)
def test_any_data_raises_nothing_but_a_definition_error(source):
    """Law: the same holds for data, with paths instead of lines."""
    for problem in problems_of(source):
        assert problem.message
        assert problem.file == "<dict>"
        assert problem.line == 0


@given(st.integers(-(10**30), 10**30))
def test_integers_are_decimal_whatever_their_zeros(number):
    """Law: a plain integer is decimal; leading zeros change nothing."""
    assert resolve(str(number)) == number
    assert resolve(("-" if number < 0 else "+") + f"000{abs(number)}") == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_read_exactly(number):
    """Law: a float that was written by repr is read as the same float."""
    assert resolve(repr(number)) == number
    assert isinstance(resolve(repr(number)), float)
