"""Triggers, `when`, defaults and maps in full: what a flow's author sees, on virtual time."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from dagger_actors import ActorSystem, Context, DefinitionError, Report, RunFailed
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation


def ok(value: Any = 1) -> Any:
    return value


def bad() -> None:
    raise ValueError("bad")


async def slow() -> None:
    await asyncio.sleep(10)


ENDS: dict[str, dict[str, Any]] = {
    "succeeded": {"action": "ok"},
    "failed": {"action": "bad"},
    "timed_out": {"action": "slow", "timeout": 1},
    "skipped": {"action": "ok", "when": {"reference": "inputs.yes", "equals": False}},
    "mapped": {"action": "ok", "map": {"over": "inputs.two", "item": "value"}},
    "empty map": {"action": "ok", "map": {"over": "inputs.none", "item": "value"}},
    "failed map": {"action": "bad", "map": {"over": "inputs.two", "item": "value"}},
}
RULES = {
    "all_succeeded": {"succeeded", "mapped", "empty map"},
    "all_done": set(ENDS),
    "any_succeeded": {"succeeded", "mapped", "empty map"},
    "any_failed": {"failed", "timed_out", "failed map"},
    "none_failed": {"succeeded", "skipped", "mapped", "empty map"},
}


def bad_item(value: int) -> None:
    raise ValueError(f"bad {value}")


def play(sim: Simulation, nodes: list[dict[str, Any]], actions: list[Any] | None = None, **more: Any) -> Report:
    spec = {"name": "f", "config": {"on_failure": "continue"}, "nodes": nodes, **more}
    spec.setdefault("inputs", {"yes": True, "two": [1, 2], "none": []})
    system = sim.system(actions=actions or [ok, bad, slow])
    return system.flows.start(spec).wait()


def states(report: Report) -> dict[str, str]:
    return {
        node.node_id + (f"[{node.invocation_key}]" if node.invocation_key else ""): node.state for node in report.nodes
    }


class TestTriggers:
    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize("end", ENDS)
    def test_each_rule_over_each_end_of_one_dependency(self, sim: Simulation, rule: str, end: str) -> None:
        """The published table, through a whole run."""
        first = {"id": "first", "dependencies": [], **ENDS[end]}
        if "failed map" in end:
            first["action"] = "bad_item"
        report = play(
            sim,
            [first, {"id": "then", "action": "ok", "dependencies": ["first"], "inputs": {}, "trigger": rule}],
            [ok, bad, slow, bad_item],
        )
        assert states(report)["then"] == ("succeeded" if end in RULES[rule] else "skipped")

    @pytest.mark.parametrize("rule", RULES)
    @pytest.mark.parametrize("ends", [*itertools.combinations_with_replacement(("succeeded", "failed", "skipped"), 2)])
    def test_each_rule_over_the_ends_of_two(self, sim: Simulation, rule: str, ends: tuple[str, str]) -> None:
        """Law: `any` is one or more of them, `all` each, `none` not one."""
        nodes = [{"id": f"n{at}", "dependencies": [], **ENDS[end]} for at, end in enumerate(ends)]
        then = {"id": "then", "action": "ok", "dependencies": ["n0", "n1"], "inputs": {}, "trigger": rule}
        runs = {
            "all_succeeded": set(ends) == {"succeeded"},
            "all_done": True,
            "any_succeeded": "succeeded" in ends,
            "any_failed": "failed" in ends,
            "none_failed": "failed" not in ends,
        }[rule]
        assert states(play(sim, [*nodes, then]))["then"] == ("succeeded" if runs else "skipped")

    @pytest.mark.parametrize("rule", RULES)
    def test_a_node_without_dependencies_runs_or_is_refused(self, sim: Simulation, rule: str) -> None:
        node = {"id": "then", "action": "ok", "dependencies": [], "inputs": {}, "trigger": rule}
        if rule.startswith("any_"):
            with pytest.raises(DefinitionError, match=f"trigger {rule} never holds here"):
                play(sim, [node])
        else:
            assert states(play(sim, [node])) == {"then": "succeeded"}

    def test_the_reason_names_the_rule_that_skipped(self, sim: Simulation) -> None:
        report = play(
            sim,
            [
                {"id": "a", "action": "ok", "inputs": {}},
                {"id": "b", "action": "ok", "dependencies": ["a"], "inputs": {}, "trigger": "any_failed"},
            ],
        )
        assert report.nodes[1].reason == "trigger any_failed: no dependency failed"

    def test_a_failure_that_a_branch_handled_still_fails_the_run(self, sim: Simulation) -> None:
        report = play(
            sim,
            [
                {"id": "a", "action": "bad", "inputs": {}},
                {"id": "b", "action": "ok", "dependencies": ["a"], "inputs": {}, "trigger": "any_failed"},
            ],
        )
        assert (report.state, states(report)["b"]) == ("failed", "succeeded")


class TestDefaults:
    def test_a_default_stands_in_for_what_failed_or_was_skipped(self, sim: Simulation) -> None:
        a = {"id": "a", "action": "bad", "inputs": {}}
        value = {"reference": "a.x", "default": [7]}
        b = {"id": "b", "action": "ok", "inputs": {"value": value}, "trigger": "all_done"}
        assert play(sim, [a, b]).nodes[1].output == [7]

    def test_where_the_trigger_admits_a_failure_a_default_is_demanded(self, sim: Simulation) -> None:
        a = {"id": "a", "action": "bad", "inputs": {}}
        b = {"id": "b", "action": "ok", "inputs": {"value": "a"}, "trigger": "all_done"}
        with pytest.raises(DefinitionError, match="may have failed or been skipped here"):
            play(sim, [a, b])

    def test_behind_a_branch_that_admits_one_too(self, sim: Simulation) -> None:
        """The way from the ancestor must demand success at each step."""
        nodes = [
            {"id": "a", "action": "bad", "inputs": {}},
            {"id": "b", "action": "ok", "inputs": {}, "dependencies": ["a"], "trigger": "all_done"},
            {"id": "c", "action": "ok", "inputs": {"value": "a"}, "dependencies": ["b"]},
        ]
        with pytest.raises(DefinitionError, match="may have failed or been skipped here"):
            play(sim, nodes)

    def test_a_default_that_is_never_used_is_refused(self, sim: Simulation) -> None:
        a = {"id": "a", "action": "ok", "inputs": {}}
        b = {"id": "b", "action": "ok", "inputs": {"value": {"reference": "a", "default": 1}}}
        with pytest.raises(DefinitionError, match="the default is never used"):
            play(sim, [a, b])

    def test_the_result_of_a_run_needs_one_for_what_may_be_skipped(self, sim: Simulation) -> None:
        a = {"id": "a", "action": "ok", "inputs": {}, "when": {"reference": "inputs.yes", "equals": False}}
        with pytest.raises(DefinitionError, match="which may have been skipped"):
            play(sim, [a], outputs={"x": "a"})
        assert play(sim, [a], outputs={"x": {"reference": "a", "default": "none"}}).outputs == {"x": "none"}
        sure = {"id": "a", "action": "ok", "inputs": {}}
        with pytest.raises(DefinitionError, match="has succeeded when the flow has"):
            play(sim, [sure], outputs={"x": {"reference": "a", "default": "none"}})

    def test_a_default_of_a_flow_input_is_refused(self, sim: Simulation) -> None:
        node = {"id": "a", "action": "ok", "inputs": {"value": {"reference": "inputs.yes", "default": 1}}}
        with pytest.raises(DefinitionError, match="stands in for a node without an output"):
            play(sim, [node])


GIVEN = {"n": 3, "f": 1.0, "s": "b", "t": True, "l": [1, {"a": None}], "z": None}
HOLDS = [
    ({"reference": "a.n", "equals": 3}, True),
    ({"reference": "a.f", "equals": 1}, True),
    ({"reference": "a.t", "equals": 1}, False),
    ({"reference": "a.t", "equals": True}, True),
    ({"reference": "a.l", "equals": [1, {"a": None}]}, True),
    ({"reference": "a.n", "not_equals": 4}, True),
    ({"reference": "a.n", "not_equals": 3}, False),
    ({"reference": "a.n", "gt": 2, "lt": 4}, True),
    ({"reference": "a.n", "gt": 2, "lt": 3}, False),
    ({"reference": "a.n", "gt": 3}, False),
    ({"reference": "a.n", "ge": 3}, True),
    ({"reference": "a.n", "ge": 4}, False),
    ({"reference": "a.n", "le": 3}, True),
    ({"reference": "a.n", "le": 2.5}, False),
    ({"reference": "a.s", "lt": "c"}, True),
    ({"reference": "a.s", "in": ["a", "b"]}, True),
    ({"reference": "a.n", "in": ["3"]}, False),
    ({"reference": "a.z", "exists": True}, True),
    ({"reference": "a.z", "exists": False}, False),
    ({"reference": "a.y", "exists": False}, True),
    ({"reference": "a.y", "exists": True}, False),
    ({"node": "a", "key": "n", "equals": 3}, True),
    ({"reference": "inputs.yes", "equals": True}, True),
    ({"all": [{"reference": "a.n", "equals": 3}, {"reference": "a.n", "equals": 4}]}, False),
    ({"any": [{"reference": "a.n", "equals": 3}, {"reference": "a.n", "equals": 4}]}, True),
    ({"any": [{"reference": "a.n", "equals": 5}, {"reference": "a.n", "equals": 4}]}, False),
    ({"not": {"reference": "a.n", "equals": 3}}, False),
]


class TestWhen:
    @pytest.mark.parametrize(("when", "expected"), HOLDS, ids=str)
    def test_each_comparison(self, sim: Simulation, when: dict[str, Any], expected: bool) -> None:
        nodes = [
            {"id": "a", "action": "ok", "inputs": {"value": {"value": GIVEN}}},
            {"id": "b", "action": "ok", "inputs": {}, "when": when, "dependencies": ["a"]},
        ]
        report = play(sim, nodes)
        assert states(report)["b"] == ("succeeded" if expected else "skipped")
        assert report.nodes[1].reason == (None if expected else "its `when` does not hold")
        assert report.state == "succeeded"

    def test_what_it_refers_to_is_a_dependency(self, sim: Simulation) -> None:
        nodes = [
            {"id": "b", "action": "ok", "inputs": {}, "when": {"reference": "a", "equals": 1}},
            {"id": "a", "action": "ok", "inputs": {}},
        ]
        assert states(play(sim, nodes)) == {"a": "succeeded", "b": "succeeded"}

    @pytest.mark.parametrize(
        "when", [{"reference": "a.s", "gt": 1}, {"reference": "a.y", "equals": 1}, {"reference": "a.l", "lt": 1}]
    )
    def test_what_cannot_be_compared_fails_the_node(self, sim: Simulation, when: dict[str, Any]) -> None:
        nodes = [
            {"id": "a", "action": "ok", "inputs": {"value": {"value": GIVEN}}},
            {"id": "b", "action": "ok", "inputs": {}, "when": when, "dependencies": ["a"]},
        ]
        report = play(sim, nodes)
        assert states(report)["b"] == "failed"
        assert report.error is not None
        assert "when:" in report.error

    def test_a_large_output_is_read_from_its_artifact(self, sim: Simulation) -> None:
        nodes = [
            {"id": "a", "action": "ok", "inputs": {"value": {"value": {"text": "x" * 5000, "n": 1}}}},
            {"id": "b", "action": "ok", "inputs": {}, "when": {"reference": "a.n", "equals": 1}, "dependencies": ["a"]},
            {
                "id": "c",
                "action": "ok",
                "inputs": {},
                "when": {"reference": "a.m", "exists": True},
                "dependencies": ["a"],
            },
        ]
        assert states(play(sim, nodes)) == {"a": "succeeded", "b": "succeeded", "c": "skipped"}

    def test_existence_of_a_skipped_ancestor_needs_no_default(self, sim: Simulation) -> None:
        nodes = [
            {"id": "a", "action": "bad", "inputs": {}},
            {
                "id": "b",
                "action": "ok",
                "inputs": {},
                "trigger": "all_done",
                "when": {"reference": "a", "exists": False},
            },
        ]
        assert states(play(sim, nodes))["b"] == "succeeded"

    @pytest.mark.parametrize(("default", "expected"), [(3, "succeeded"), (4, "skipped")])
    def test_a_default_is_compared_for_an_ancestor_without_an_output(
        self, sim: Simulation, default: int, expected: str
    ) -> None:
        """Law: what stands in for it decides; where it may be needed and is not there the file is refused."""
        when = {"reference": "a.n", "equals": 3, "default": default}
        nodes = [
            {"id": "a", "action": "bad", "inputs": {}},
            {"id": "b", "action": "ok", "inputs": {}, "trigger": "all_done", "when": when},
        ]
        assert states(play(sim, nodes))["b"] == expected
        del when["default"]
        with pytest.raises(DefinitionError, match="may have failed or been skipped here"):
            play(sim, nodes)


class TestPriority:
    def test_the_higher_goes_first_and_equals_in_file_order(self, sim: Simulation) -> None:
        order: list[str] = []

        def note(ctx: Context) -> None:
            order.append(ctx.node_id)

        nodes = [
            {"id": f"{name}", "action": "note", "inputs": {}, "priority": number}
            for name, number in (("a", 0), ("b", 5), ("c", -5), ("d", 5))
        ]
        play(sim, nodes, [note], config={"max_parallel_nodes": 1})
        assert order == ["b", "d", "a", "c"]


class TestMaps:
    def test_the_key_names_the_invocation_and_the_position_is_kept(self, sim: Simulation) -> None:
        pages = [{"url": "b"}, {"url": "a"}]
        nodes = [{"id": "a", "action": "ok", "map": {"over": "inputs.pages", "item": "value", "key": "value.url"}}]
        report = play(sim, nodes, inputs={"pages": pages}, outputs={"x": "a"})
        assert states(report) == {"a": "succeeded", "a[b]": "succeeded", "a[a]": "succeeded"}
        assert report.outputs["x"] == pages

    def test_the_item_itself_may_be_the_key(self, sim: Simulation) -> None:
        nodes = [{"id": "a", "action": "ok", "map": {"over": "inputs.names", "item": "value", "key": "value"}}]
        assert "a[x y]" in states(play(sim, nodes, inputs={"names": ["x y", 7]}))

    @pytest.mark.parametrize(
        ("items", "message"),
        [(["a", "a"], "have the same key 'a'"), ([{}], "neither text nor"), (["a\nb"], "printable")],
    )
    def test_keys_that_name_nothing_fail_the_node(self, sim: Simulation, items: list[Any], message: str) -> None:
        nodes = [{"id": "a", "action": "ok", "map": {"over": "inputs.names", "item": "value", "key": "value"}}]
        report = play(sim, nodes, inputs={"names": items})
        assert report.error is not None
        assert message in report.error

    def test_no_more_items_at_once_than_its_limit(self, sim: Simulation) -> None:
        now, most = 0, 0

        async def count(value: int) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(1)
            now -= 1

        nodes = [{"id": "a", "action": "count", "map": {"over": "inputs.l", "item": "value", "limit": 3}}]
        report = play(sim, nodes, [count], inputs={"l": list(range(10))})
        assert (report.state, most) == ("succeeded", 3)

    @pytest.mark.parametrize(("tolerate", "state"), [(1, "failed"), (2, "succeeded")])
    def test_more_failures_than_tolerated_fail_the_node_once_all_items_ended(
        self, sim: Simulation, tolerate: int, state: str
    ) -> None:
        ran: list[int] = []

        def odd(value: int) -> int:
            ran.append(value)
            if value % 2:
                raise ValueError("odd")
            return value

        nodes = [
            {"id": "a", "action": "odd", "map": {"over": "inputs.l", "item": "value", "tolerate": tolerate}},
            {"id": "b", "action": "ok", "inputs": {"value": "a"}},
        ]
        report = play(sim, nodes, [odd, ok], inputs={"l": [0, 1, 2, 3]})
        assert sorted(ran) == [0, 1, 2, 3]
        assert states(report)["a"] == state
        if state == "succeeded":
            assert report.nodes[-1].output == [0, None, 2, None]
            assert report.state == "succeeded"
            assert play(sim, nodes[:1], [odd, ok], inputs={"l": [0, 1, 2, 3]}).outputs == {"a": [0, None, 2, None]}

    def test_a_hole_is_null_in_the_result_of_the_run_too(self, sim: Simulation) -> None:
        """Law: what a run gives has the places of the items, as what its nodes give each other."""

        def odd(value: int) -> int:
            if value % 2:
                raise ValueError("odd")
            return value

        nodes = [{"id": "a", "action": "odd", "map": {"over": "inputs.l", "item": "value", "tolerate": 1}}]
        for outputs, name in ((None, "a"), ({"x": "a"}, "x")):
            given = {} if outputs is None else {"outputs": outputs}
            report = play(sim, nodes, [odd], inputs={"l": [0, 1, 2]}, **given)
            assert report.outputs == {name: [0, None, 2]}

    def test_over_a_mapped_node_each_item_follows_its_own(self, sim: Simulation) -> None:
        """No barrier: the quick item is through both before the slow one is through the first."""
        ends: list[tuple[str, int, float]] = []

        async def first(value: int) -> dict[str, int]:
            await asyncio.sleep(value)
            ends.append(("first", value, sim.now_s))
            return {"twice": 2 * value}

        async def second(value: int) -> int:
            ends.append(("second", value, sim.now_s))
            return value

        nodes = [
            {"id": "b", "action": "second", "map": {"over": "a.twice", "item": "value"}},
            {"id": "a", "action": "first", "map": {"over": "inputs.l", "item": "value", "key": "value"}},
        ]
        report = play(sim, nodes, [first, second], inputs={"l": [1, 50]}, outputs={"x": "b"})
        assert [(name, value) for name, value, _ in ends] == [
            ("first", 1),
            ("second", 2),
            ("first", 50),
            ("second", 100),
        ]
        assert report.outputs == {"x": [2, 100]}
        assert {"b[1]", "b[50]"} <= states(report).keys()

    def test_a_hole_above_is_a_hole_below(self, sim: Simulation) -> None:
        def odd(value: int) -> int:
            if value % 2:
                raise ValueError("odd")
            return value

        nodes = [
            {"id": "a", "action": "odd", "map": {"over": "inputs.l", "item": "value", "tolerate": 1}},
            {"id": "b", "action": "ok", "map": {"over": "a", "item": "value"}},
            {"id": "c", "action": "ok", "inputs": {"value": "b"}},
        ]
        report = play(sim, nodes, [odd, ok], inputs={"l": [0, 1, 2]}, outputs={"x": "c"})
        assert report.outputs == {"x": [0, None, 2]}
        assert states(report)["b[1]"] == "skipped"

    def test_what_has_its_item_goes_on_though_the_map_above_fails(self, sim: Simulation) -> None:
        """Whatever its turn is: neither a limit, nor a death, turns an item that is there into an error."""
        began: list[int] = []

        async def odd(value: int) -> int:
            await asyncio.sleep(value)
            if value % 2:
                raise ValueError("odd")
            return value

        async def late(value: int) -> int:
            began.append(value)
            await asyncio.sleep(10)
            return value

        nodes = [
            {"id": "a", "action": "odd", "map": {"over": "inputs.l", "item": "value"}},
            {"id": "b", "action": "late", "map": {"over": "a", "item": "value", "limit": 1}},
        ]
        report = play(sim, nodes, [odd, late], inputs={"l": [0, 2, 5]}, config={"on_failure": "continue"})
        found = states(report)
        assert {name: found[name] for name in ("b", "b[0]", "b[1]", "b[2]")} == {
            "b": "skipped",
            "b[0]": "succeeded",
            "b[1]": "succeeded",
            "b[2]": "skipped",
        }
        assert began == [0, 2]

    def test_items_that_are_tried_again_wait_for_what_else_is_tried_again(self) -> None:
        """Law: a node runs over final states, in a retry too, whichever commit a process dies at."""

        def again(sim: Simulation) -> None:
            failing, given = {"before", "items"}, list[tuple[int, str | None]]()

            async def before() -> str:
                await asyncio.sleep(5)
                if "before" in failing:
                    raise ValueError("not yet")
                return "there"

            async def each(value: int, found: str | None) -> str | None:
                given.append((value, found))
                if value and "items" in failing:
                    raise ValueError("not yet")
                return found

            nodes = [
                {"id": "before", "action": "before"},
                {
                    "id": "each",
                    "action": "each",
                    "map": {"over": "inputs.two", "item": "value"},
                    "inputs": {"found": {"reference": "before", "default": None}},
                    "trigger": "all_done",
                },
            ]
            flow = {"name": "f", "config": {"on_failure": "continue"}, "inputs": {"two": [0, 1]}, "nodes": nodes}

            def fail(system: ActorSystem) -> None:
                system.flows.start(flow, run_id="r").wait()

            def mend(system: ActorSystem) -> Report:
                if system.flows.report("r").state == "failed":
                    system.flows.retry("r")
                return system.flows.start(flow, run_id="r").wait()

            sim.keep_going(fail, actions=[before, each], recover=True)
            assert {found for _, found in given} == {None}
            failing.clear()
            given.clear()
            report = sim.keep_going(mend, actions=[before, each], recover=True)
            assert report.outputs == {"each": [None, "there"]}
            assert set(given) == {(1, "there")}

        assert explore(again, seeds=2, crash="every_commit").commits > 4


def test_a_key_outside_the_item_is_refused(sim: Simulation) -> None:
    nodes = [{"id": "a", "action": "ok", "map": {"over": "inputs.two", "item": "value", "key": "url"}}]
    with pytest.raises(DefinitionError, match="does not begin with the item"):
        play(sim, nodes)


def test_a_run_fails_with_the_error_of_its_first_failure(sim: Simulation) -> None:
    system = sim.system(actions=[bad])
    with pytest.raises(RunFailed, match="bad"):
        system.flows.start({"name": "f", "nodes": [{"id": "a", "action": "bad", "inputs": {}}]}).result()
