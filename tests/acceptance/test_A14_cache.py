"""A14, the cache: equal `input_hash` reuses the output, and the row says which key, or which part of it changed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from dagger_actors import Context, DefinitionError, Report, action
from dagger_actors.testing.simulation import Simulation


class Desk:
    """Counts computations."""

    def __init__(self) -> None:
        self.count = 0
        self.offset = 0

    def compute(self, value: Any, by: int = 2) -> dict[str, Any]:
        self.count += 1
        return {"value": value, "by": by, "count": self.count}


@pytest.fixture
def desk() -> Desk:
    return Desk()


RAN: list[int] = []


def actions_of(desk: Desk, version: str = "1") -> list[Any]:
    @action(version=version)
    def compute(value: Any, by: int = 2) -> dict[str, Any]:
        return desk.compute(value, by)

    return [compute]


def flow(value: Any, *, cache: Any = True, by: int = 2, **node: Any) -> dict[str, Any]:
    inputs = {"value": {"value": value}, "by": {"value": by}}
    return {"name": "f", "nodes": [{"id": "a", "action": "compute", "inputs": inputs, "cache": cache, **node}]}


def play(sim: Simulation, desk: Desk, spec: dict[str, Any], version: str = "1", **options: Any) -> Report:
    system = sim.system(actions=actions_of(desk, version))
    report = system.flows.start(spec, **options).wait()
    system.stop()
    assert report.state == "succeeded", report.error
    return report


def test_equal_inputs_are_computed_once_over_runs_and_processes(sim: Simulation, desk: Desk) -> None:
    first = play(sim, desk, flow({"b": 1, "a": [2]}), run_id="one")
    second = play(sim, desk, flow({"a": [2], "b": 1}))
    assert desk.count == 1
    assert first.nodes[0].output == second.nodes[0].output
    assert first.nodes[0].reason == "computed: not in the cache"
    assert second.nodes[0].reason == "cached: computed by a in run one"


def test_a_miss_names_the_part_of_the_key_that_changed(sim: Simulation, desk: Desk) -> None:
    play(sim, desk, flow(1), run_id="one")
    assert play(sim, desk, flow(2), run_id="two").nodes[0].reason == "computed: inputs.value changed since run one"
    assert play(sim, desk, flow(2, by=3)).nodes[0].reason == "computed: inputs.by changed since run two"
    changed = play(sim, desk, flow(2, by=3), version="2").nodes[0].reason
    assert changed is not None
    assert changed.startswith("computed: action changed since run")
    assert desk.count == 4


def test_its_source_stands_for_an_action_without_a_version(sim: Simulation) -> None:
    RAN.clear()

    def one(value: int) -> int:
        RAN.append(value)
        return value

    other = one

    def one(value: int) -> int:  # type: ignore[no-redef]
        RAN.append(value)
        return value + 1

    for function in (other, other, one):
        system = sim.system(actions=[function])
        spec = flow(1)
        spec["nodes"][0] |= {"action": "one", "inputs": {"value": {"value": 1}}}
        system.flows.start(spec).wait()
        system.stop()
    assert RAN == [1, 1]


def test_what_an_action_calls_is_no_part_of_its_key_and_its_version_is(sim: Simulation) -> None:
    """Law, as the README says it: a helper that changed is not noticed; a version that was raised is."""
    factor = 2

    def call(version: str) -> object:
        @action(version=version)
        def scaled(value: int) -> int:
            return value * factor

        system = sim.system(actions=[scaled])
        spec = flow(1)
        spec["nodes"][0] |= {"action": "scaled", "inputs": {"value": {"value": 1}}}
        outputs = system.flows.start(spec).wait().outputs
        system.stop()
        return next(iter(outputs.values()))

    assert call("1") == 2
    factor = 3
    assert (call("1"), call("2")) == (2, 3)


def test_functions_of_one_source_that_took_along_different_values_have_outputs_of_their_own(sim: Simulation) -> None:
    def scaling(factor: int) -> Callable[[int, int], int]:
        def compute(value: int, by: int) -> int:
            return value * factor

        return compute

    def scaling_by_default(factor: int) -> Callable[[int, int], int]:
        def compute(value: int, by: int, shift: int = factor) -> int:
            return value + shift

        return compute

    found: list[tuple[object, bool]] = []
    for made in (scaling(2), scaling(3), scaling(2), scaling_by_default(4), scaling_by_default(5)):
        system = sim.system(actions=[made])
        node = system.flows.start(flow(10)).wait().nodes[0]
        found.append((node.output, "cached" in (node.reason or "")))
        system.stop()
    assert [output for output, _ in found] == [20, 30, 20, 14, 15]
    assert [is_hit for _, is_hit in found] == [False, False, True, False, False]


def adding(more: int) -> Callable[[Callable[[int, int], int]], Callable[[int, int], int]]:
    def wrap(function: Callable[[int, int], int]) -> Callable[[int, int], int]:
        @functools.wraps(function)
        def wrapped(value: int, by: int) -> int:
            return function(value, by) + more

        return wrapped

    return wrap


def compute(value: int, by: int) -> int:
    return value + by


def test_what_wraps_one_function_has_outputs_of_its_own(sim: Simulation) -> None:
    found: list[tuple[object, bool]] = []
    for made in (compute, adding(2)(compute), adding(3)(compute), adding(2)(compute)):
        system = sim.system(actions=[made])
        node = system.flows.start(flow(10)).wait().nodes[0]
        found.append((node.output, "cached" in (node.reason or "")))
        system.stop()
    plain = found[0][0]
    assert isinstance(plain, int)
    assert found == [(plain, False), (plain + 2, False), (plain + 3, False), (plain + 2, True)]


def test_without_cache_nothing_is_reused(sim: Simulation, desk: Desk) -> None:
    for _ in range(2):
        report = play(sim, desk, flow(1, cache=False))
    assert (desk.count, report.nodes[0].reason) == (2, None)


def test_an_output_is_reused_until_its_ttl_is_over(sim: Simulation, desk: Desk) -> None:
    for elapsed_s, count in ((0, 1), (9, 1), (2, 2)):
        sim.advance(elapsed_s)
        report = play(sim, desk, flow(1, cache={"ttl_s": 10}))
        assert desk.count == count
    assert report.nodes[0].reason is not None
    assert "is older than 10 s" in report.nodes[0].reason


def test_a_run_may_compute_anew_and_what_it_computes_is_kept(sim: Simulation, desk: Desk) -> None:
    play(sim, desk, flow(1))
    fresh = play(sim, desk, flow(1), use_cache=False)
    assert (desk.count, fresh.nodes[0].reason) == (2, "computed anew: --no-cache")
    again = play(sim, desk, flow(1))
    assert again.nodes[0].output["count"] == 2


def test_each_item_of_a_map_has_its_own_key(sim: Simulation, desk: Desk) -> None:
    def spec(*values: int) -> dict[str, Any]:
        node = {"id": "a", "action": "compute", "map": {"over": "inputs.l", "item": "value"}, "cache": True}
        return {"name": "f", "inputs": {"l": list(values)}, "nodes": [node]}

    play(sim, desk, spec(1, 2, 3))
    play(sim, desk, spec(3, 4, 1))
    assert desk.count == 4


def test_coroutines_are_cached_too(sim: Simulation) -> None:
    ran: list[int] = []

    @action(version="1")
    async def compute(value: int, by: int = 0) -> int:
        ran.append(value)
        return value + by

    for _ in range(2):
        system = sim.system(actions=[compute])
        assert system.flows.start(flow(1)).result() == {"a": 3}
        system.stop()
    assert ran == [1]


def test_what_it_saved_by_name_comes_with_it(sim: Simulation) -> None:
    @action(version="1")
    def compute(value: int, by: int, ctx: Context) -> int:
        ctx.save("page.html", f"<p>{value * by}</p>", "text/html")
        return value

    for _ in range(2):
        system = sim.system(actions=[compute])
        report = system.flows.start(flow(1)).wait()
        assert [one.name for one in report.nodes[0].artifacts] == ["page.html"]
        system.stop()
    assert (report.nodes[0].reason or "").startswith("cached")


def test_a_damaged_artifact_is_computed_anew(sim: Simulation, desk: Desk) -> None:
    """FAULTS 16: detected, recomputed."""
    play(sim, desk, flow("x" * 50_000))
    files = [path for path in sim.path.with_name("sim.db-artifacts").glob("*/*") if path.is_file()]
    assert len(files) == 1
    files[0].write_bytes(b"y" + files[0].read_bytes()[1:])
    report = play(sim, desk, flow("x" * 50_000))
    assert desk.count == 2
    assert "damaged or missing" in (report.nodes[0].reason or "")


def test_failures_are_not_cached(sim: Simulation) -> None:
    ran: list[int] = []

    @action(version="1")
    def compute(value: int, by: int) -> int:
        ran.append(value)
        raise ValueError("no")

    for _ in range(2):
        system = sim.system(actions=[compute])
        assert system.flows.start(flow(1)).wait().state == "failed"
        system.stop()
    assert len(ran) == 2


def test_the_key_is_in_the_row(sim: Simulation, desk: Desk) -> None:
    import apsw

    play(sim, desk, flow(1))
    play(sim, desk, flow(1))
    connection = apsw.Connection(str(sim.path), flags=apsw.SQLITE_OPEN_READONLY)
    hashes = [found for (found,) in connection.execute("SELECT input_hash FROM node_runs")]
    connection.close()
    assert len(hashes) == 2
    assert hashes[0] == hashes[1] is not None


class TestRefused:
    def test_a_cache_that_would_hold_one_output_for_ever(self, sim: Simulation, desk: Desk) -> None:
        @action
        def noon() -> int:
            return 12

        spec = {"name": "f", "nodes": [{"id": "a", "action": "noon", "cache": True}]}
        with pytest.raises(DefinitionError, match="would keep one output for ever"):
            sim.system(actions=[noon]).flows.start(spec)

    def test_an_action_without_source_or_version(self, sim: Simulation) -> None:
        namespace: dict[str, Any] = {}
        exec("def compute(value, by): return value", namespace)
        with pytest.raises(DefinitionError, match="its source cannot be read"):
            sim.system(actions=[namespace["compute"]]).flows.start(flow(1))

    @pytest.mark.parametrize("taken", [[2], object(), len])
    def test_an_action_that_took_along_what_no_text_says(self, sim: Simulation, taken: object) -> None:
        def compute(value: int, by: int) -> str:
            return f"{taken} {value + by}"

        with pytest.raises(DefinitionError, match=r"its source does not say what taken is\n.*version"):
            sim.system(actions=[compute]).flows.start(flow(1))
        versioned = action(version="1")(compute)
        assert sim.system(actions=[versioned]).flows.start(flow(1)).result()

    def test_a_lambda_whose_line_may_hold_another(self, sim: Simulation) -> None:
        with pytest.raises(DefinitionError, match=r"its source does not say what <lambda> is"):
            sim.system(actions=[action(name="compute")(lambda value, by: value + by)]).flows.start(flow(1))

    def test_a_version_of_no_length(self) -> None:
        with pytest.raises(ValueError, match="1 to 200"):
            action(version="")


def test_what_does_more_than_give_an_output_is_not_cached(sim: Simulation) -> None:
    """A hit would give the output without the values that its nodes put."""
    ran: list[int] = []

    @action(version="1")
    def compute(value: int, by: int, ctx: Context) -> int:
        ran.append(value)
        ctx.cache.put("k", value)
        return value

    for _ in range(2):
        system = sim.system(actions=[compute])
        report = system.flows.start(flow(1)).wait()
        system.stop()
    assert RAN == [1, 1]
    assert report.nodes[0].reason == "not cached: it executes statements, puts values, adds nodes, or publishes"
