"""A04, retry: how often, how long apart, after what; a wait survives a crash. All on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from dagger_actors import Report
from dagger_actors.testing.errors import WorkerKilled
from dagger_actors.testing.simulation import Simulation

SECOND = 1_000_000
EXPONENTIAL = {"exponential": {"jitter": 0}}


class Flaky:
    """An action that raises these errors in turn, and then passes; remembers when it began."""

    def __init__(self, sim: Simulation, *errors: BaseException, seconds: float = 0.0) -> None:
        self.starts_s: list[float] = []
        self.attempts: list[int] = []
        left = list(errors)

        async def flaky() -> str:
            self.starts_s.append(sim.now_s)
            await asyncio.sleep(seconds)
            if left:
                raise left.pop(0)
            return "passed"

        self.action: Callable[..., Any] = flaky


def one_node(config: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    return {"name": "retry", "config": config or {}, "nodes": [{"id": "flaky", "action": "flaky", **keys}]}


def play(sim: Simulation, flaky: Flaky, spec: dict[str, Any]) -> Report:
    return sim.system(actions=[flaky.action]).flows.start(spec).wait()


def states(report: Report) -> list[str]:
    (node,) = report.nodes
    return [attempt.state for attempt in node.attempts]


def pauses(flaky: Flaky) -> list[float]:
    return [round(later - earlier, 6) for earlier, later in zip(flaky.starts_s, flaky.starts_s[1:], strict=False)]


class TestTheCount:
    @pytest.mark.parametrize("seed", range(5))
    def test_it_fails_twice_then_passes_after_waits_of_1_and_2_s(self, sim: Simulation) -> None:
        """Law: three tries, two failures in the history, waits that double from 1 s, and the run succeeds."""
        flaky = Flaky(sim, ValueError("one"), OSError("two"))
        report = play(sim, flaky, one_node(try_count=3, retry_strategy=EXPONENTIAL))
        assert (report.state, report.error, report.outputs) == ("succeeded", None, {"flaky": "passed"})
        assert states(report) == ["failed", "failed", "succeeded"]
        assert pauses(flaky) == [1.0, 2.0]
        assert report.elapsed_us == 3 * SECOND
        (node,) = report.nodes
        errors = [attempt.error for attempt in node.attempts]
        assert [(error.type, error.message) for error in errors if error] == [
            ("builtins.ValueError", "one"),
            ("builtins.OSError", "two"),
        ]
        assert [attempt.attempt for attempt in node.attempts] == [1, 2, 3]

    def test_two_retries_are_told_as_they_happen(self, sim: Simulation) -> None:
        """Law: a watcher sees each wait once, with the moment at which it ends."""
        seen: list[Any] = []
        flaky = Flaky(sim, ValueError("one"), ValueError("two"))
        system = sim.system(actions=[flaky.action], observer=seen.extend)
        report = system.flows.start(one_node(try_count=3, retry_strategy=EXPONENTIAL)).wait()
        waits = [event for event in seen if getattr(event, "state", "") == "waiting"]
        assert [(wait.attempt, wait.reason, wait.due_us - report.started_us) for wait in waits] == [
            (2, "retry", 1 * SECOND),
            (3, "retry", 3 * SECOND),
        ]

    def test_when_no_tries_are_left_the_last_error_is_the_runs(self, sim: Simulation) -> None:
        """Law: the run's error names the node, and the error that ended it."""
        flaky = Flaky(sim, ValueError("one"), ValueError("two"), ValueError("three"))
        report = play(sim, flaky, one_node(try_count=2))
        assert (report.state, states(report)) == ("failed", ["failed", "failed"])
        assert "flaky" in (report.error or "")
        assert "two" in (report.error or "")
        assert len(flaky.starts_s) == 2

    @pytest.mark.parametrize(
        ("config", "keys", "tries"),
        [
            ({}, {}, 1),
            ({}, {"try_count": 4}, 4),
            ({"max_attempts": 2}, {}, 2),
            ({"max_attempts": 2}, {"try_count": 4}, 4),
            ({"max_attempts": 2}, {"onfailure": False}, 1),
            ({"max_attempts": 2}, {"onfailure": True}, 2),
            ({"retry_strategy": "immediate"}, {}, 3),
            ({}, {"retry_strategy": "immediate"}, 3),
            ({"max_attempts": 5}, {"retry_strategy": "immediate"}, 5),
            ({"retry_strategy": "immediate"}, {"onfailure": False}, 1),
            ({"retry_strategy": EXPONENTIAL}, {"onfailure": False, "try_count": 1}, 1),
        ],
    )
    def test_tries(self, sim: Simulation, config: dict[str, Any], keys: dict[str, Any], tries: int) -> None:
        """Law: try_count, else max_attempts, else 3 with a strategy, else 1; onfailure: false is one try."""
        flaky = Flaky(sim, *[ValueError(str(n)) for n in range(9)])
        report = play(sim, flaky, one_node(config, **keys))
        assert (report.state, states(report)) == ("failed", ["failed"] * tries)
        assert len(flaky.starts_s) == tries


class TestTheWait:
    @pytest.mark.parametrize(
        ("strategy", "expected"),
        [
            ({"exponential": {"jitter": 0}}, [1, 2, 4, 8]),
            ({"exponential": {"initial_delay_secs": 0.25, "multiplier": 3, "jitter": 0}}, [0.25, 0.75, 2.25, 6.75]),
            ({"exponential": {"max_delay_secs": 3, "jitter": 0}}, [1, 2, 3, 3]),
            ({"exponential": {"initial_delay_secs": 50, "jitter": 0}}, [50, 60, 60, 60]),
            ({"linear": {"delay_secs": 0.5}}, [0.5, 0.5, 0.5, 0.5]),
            ({"linear": {"delay_secs": 1, "increment_secs": 2}}, [1, 3, 5, 7]),
            ({"linear": {"delay_secs": 1, "increment_secs": 2, "max_delay_secs": 4}}, [1, 3, 4, 4]),
            ({"immediate": {}}, [0, 0, 0, 0]),
            ("immediate", [0, 0, 0, 0]),
        ],
    )
    def test_each_strategy_waits_as_it_says(self, sim: Simulation, strategy: Any, expected: list[float]) -> None:
        """Law: the waits of every strategy, per node and per flow alike; none passes its cap."""
        for config, keys in (({}, {"retry_strategy": strategy}), ({"retry_strategy": strategy}, {})):
            flaky = Flaky(sim, *[ValueError()] * 4)
            report = play(sim, flaky, one_node(config, try_count=5, **keys))
            assert report.state == "succeeded"
            assert pauses(flaky) == expected

    def test_a_nodes_own_strategy_wins_over_the_flows_as_a_whole(self, sim: Simulation) -> None:
        """Law: nothing of the flow's strategy leaks into that of a node, its exception names included."""
        flaky = Flaky(sim, KeyError(), KeyError())
        config = {"retry_strategy": {"linear": {"delay_secs": 9}, "give_up_on": ["KeyError"]}}
        report = play(sim, flaky, one_node(config, retry_strategy={"linear": {"delay_secs": 1}}))
        assert report.state == "succeeded"
        assert pauses(flaky) == [1, 1]

    def test_jitter_adds_up_to_so_many_seconds_at_random(self, sim: Simulation) -> None:
        """Law: asked for, it spreads the waits, on top of the cap too; and only upwards."""
        strategy = {"exponential": {"max_delay_secs": 1, "jitter": 0.5}}
        flaky = Flaky(sim, *[ValueError()] * 40)
        assert play(sim, flaky, one_node(try_count=41, retry_strategy=strategy)).state == "succeeded"
        waits = pauses(flaky)
        assert all(1.0 <= wait <= 1.5 for wait in waits)
        assert len(set(waits)) > 30
        assert max(waits) - min(waits) > 0.3

    def test_the_wait_counts_from_the_failure_not_from_the_start(self, sim: Simulation) -> None:
        """Law: a long body does not eat the wait after it."""
        flaky = Flaky(sim, ValueError(), seconds=5)
        play(sim, flaky, one_node(try_count=2, retry_strategy={"linear": {"delay_secs": 2}}))
        assert pauses(flaky) == [7]

    def test_a_wait_tells_when_it_is_over(self, sim: Simulation) -> None:
        """Law: its row has the due time, which a report gives and `why` counts down to."""
        system = sim.system(actions=[Flaky(sim, ValueError("one")).action])
        spec = one_node(try_count=2, retry_strategy={"linear": {"delay_secs": 90}})
        run = system.flows.start(spec)
        sim.advance(30)
        failed, waiting = run.report().nodes[0].attempts
        assert (waiting.state, waiting.due_us - failed.finished_us) == ("waiting", 90 * SECOND)
        assert "(due in 60.0 s)" in " ".join(system.flows.explain(run.id, "flaky").sentences)

    def test_a_wait_holds_no_place(self, sim: Simulation, diary) -> None:
        """Law: while one node waits for its next try, another runs in its place, even one at a time."""
        flaky = Flaky(sim, ValueError())
        times: list[float] = []

        async def other() -> None:
            times.append(sim.now_s)

        nodes = [
            {"id": "flaky", "action": "flaky", "retry_strategy": {"linear": {"delay_secs": 10}}},
            {"id": "other", "action": "other"},
        ]
        system = sim.system(actions=[flaky.action, other])
        report = system.flows.start({"name": "w", "nodes": nodes}, sequential=True).wait()
        assert (report.state, times, pauses(flaky)) == ("succeeded", [0.0], [10])

    def test_each_item_of_a_map_has_its_own_tries(self, sim: Simulation) -> None:
        """Law: items that pass are not repeated because another fails."""
        ran: list[int] = []

        def work(item: int) -> int:
            ran.append(item)
            if ran.count(item) <= item:
                raise ValueError(item)
            return item

        node = {"id": "all", "action": "work", "map": {"over": "inputs.items", "item": "item"}, "try_count": 3}
        spec = {"name": "map", "inputs": {"items": [0, 1, 2]}, "nodes": [node]}
        report = sim.system(actions=[work]).flows.start(spec).wait()
        assert report.outputs == {"all": [0, 1, 2]}
        assert [ran.count(item) for item in range(3)] == [1, 2, 3]


class Mine(ValueError):
    """An exception of a user's module."""


DOTTED = f"{Mine.__module__}.{Mine.__qualname__}"


class TestWhatIsRetried:
    @pytest.mark.parametrize(
        "error", [TypeError(), NameError(), UnboundLocalError(), ImportError(), ModuleNotFoundError()]
    )
    def test_mistakes_in_the_code_are_not_retried(self, sim: Simulation, error: Exception) -> None:
        """Law: what fails the same way each time is tried once."""
        assert states(play(sim, Flaky(sim, error), one_node(try_count=5))) == ["failed"]

    def test_values_that_do_not_validate_are_not_retried(self, sim: Simulation) -> None:
        """Law: msgspec's ValidationError counts as such a mistake."""
        assert states(play(sim, Flaky(sim, msgspec.ValidationError("x")), one_node(try_count=5))) == ["failed"]

    @pytest.mark.parametrize(
        ("names", "tries"),
        [({}, 1), ({"retry_on": ["ValueError"]}, 1), ({"retry_on": ["dagger_actors.errors.InputError"]}, 3)],
    )
    def test_inputs_that_do_not_fit_are_not_retried_unless_listed(
        self, sim: Simulation, names: dict[str, Any], tries: int
    ) -> None:
        """Law: the same value does not fit the same hint the next time either."""

        def flaky(value: int) -> int:
            raise AssertionError("never called")

        spec = one_node(try_count=3, retry_strategy={"immediate": {}, **names}, inputs={"value": "inputs.value"})
        report = sim.system(actions=[flaky]).flows.start(spec, {"value": "seven"}).wait()
        assert states(report) == ["failed"] * tries
        assert "Expected `int`, got `str`" in report.error

    @pytest.mark.parametrize(
        ("names", "error", "is_retried"),
        [
            ({"retry_on": ["TypeError"]}, TypeError(), True),
            ({"retry_on": ["OSError"]}, ConnectionResetError(), True),
            ({"retry_on": ["OSError"]}, ValueError(), False),
            ({"retry_on": ["builtins.OSError"]}, FileNotFoundError(), True),
            ({"retry_on": [DOTTED]}, Mine(), True),
            ({"retry_on": [DOTTED]}, ValueError(), False),
            ({"give_up_on": ["ValueError"]}, Mine(), False),
            ({"give_up_on": [DOTTED]}, ValueError(), True),
            ({"give_up_on": ["OSError"]}, TypeError(), False),
            ({"retry_on": ["Exception"], "give_up_on": ["KeyError"]}, KeyError(), False),
            ({"retry_on": ["Exception"], "give_up_on": ["KeyError"]}, IndexError(), True),
            ({"retry_on": ["Exception"]}, SystemExit(3), False),
            ({}, SystemExit(3), True),
        ],
    )
    def test_names_decide_by_the_whole_mro(
        self, sim: Simulation, names: dict[str, Any], error: BaseException, is_retried: bool
    ) -> None:
        """Law: builtin or dotted names, anywhere in the MRO; give_up_on wins; per node and per flow alike."""
        strategy = {"immediate": {}, **names}
        for config, keys in (({}, {"retry_strategy": strategy}), ({"retry_strategy": strategy}, {})):
            report = play(sim, Flaky(sim, error), one_node(config, **keys))
            assert states(report) == (["failed", "succeeded"] if is_retried else ["failed"])

    def test_a_declared_output_that_is_missing_is_a_failure_like_any(self, sim: Simulation) -> None:
        """Law: OutputError is retried unless named."""
        results: list[Any] = [{"a": 1}, {"a": 1, "b": 2}]

        def flaky() -> Any:
            return results.pop(0)

        report = sim.system(actions=[flaky]).flows.start(one_node(outputs=["a", "b"], try_count=2)).wait()
        assert report.outputs == {"flaky": {"a": 1, "b": 2}}
        assert states(report) == ["failed", "succeeded"]


class TestTimeOuts:
    @pytest.mark.parametrize("seed", range(5))
    def test_1_s_on_a_5_s_action_is_timed_out_and_retried_like_any_failure(self, sim: Simulation) -> None:
        """Law: each try gets its whole time-out; the last one's end is the node's state."""
        flaky = Flaky(sim, seconds=5)
        report = play(sim, flaky, one_node(timeout=1, try_count=3, retry_strategy=EXPONENTIAL))
        assert report.state == "failed"
        assert states(report) == ["timed_out"] * 3
        assert report.nodes[0].state == "timed_out"
        assert pauses(flaky) == [2.0, 3.0]
        assert report.elapsed_us == 6 * SECOND
        assert "1 s" in (report.error or "")
        for attempt in report.nodes[0].attempts:
            assert attempt.finished_us - attempt.started_us == SECOND
            assert attempt.error is not None
            assert attempt.error.type == "builtins.TimeoutError"

    def test_a_try_within_its_time_succeeds_after_one_that_was_not(self, sim: Simulation) -> None:
        """Law: a time-out is not the end of the node."""
        seconds = [5.0, 0.5]

        async def flaky() -> str:
            await asyncio.sleep(seconds.pop(0))
            return "in time"

        report = sim.system(actions=[flaky]).flows.start(one_node(timeout=1, try_count=2)).wait()
        assert (report.outputs, states(report)) == ({"flaky": "in time"}, ["timed_out", "succeeded"])

    def test_fractions_of_a_second_count(self, sim: Simulation) -> None:
        """Law: 50 ms are 50 ms."""
        report = play(sim, Flaky(sim, seconds=5), one_node(timeout=0.05))
        assert report.elapsed_us == 50_000

    @pytest.mark.parametrize(
        ("names", "count"), [({"give_up_on": ["TimeoutError"]}, 1), ({"retry_on": ["TimeoutError"]}, 3)]
    )
    def test_it_is_named_as_timeout_error(self, sim: Simulation, names: dict[str, Any], count: int) -> None:
        """Law: retry_on and give_up_on name a time-out as Python does."""
        report = play(sim, Flaky(sim, seconds=5), one_node(timeout=1, retry_strategy={"immediate": {}, **names}))
        assert states(report) == ["timed_out"] * count

    def test_waiting_for_a_place_is_not_part_of_it(self, sim: Simulation) -> None:
        """Law: the clock of an attempt starts with its body."""

        async def work() -> None:
            await asyncio.sleep(0.9)

        nodes = [{"id": f"n{at}", "action": "work", "timeout": 1} for at in range(5)]
        report = sim.system(actions=[work]).flows.start({"name": "line", "nodes": nodes}, sequential=True).wait()
        assert (report.state, report.elapsed_us) == ("succeeded", 4_500_000)


class TestACrashDuringAWait:
    @pytest.mark.parametrize("seed", range(5))
    @pytest.mark.parametrize("died_at_s", [0.5, 4.0, 9.999])
    def test_it_keeps_the_wait(self, sim: Simulation, died_at_s: float) -> None:
        """Law: the next try comes when it was due, in whatever process; no try is lost, none is added."""
        flaky = Flaky(sim, ValueError("one"), ValueError("two"))
        spec = one_node(try_count=3, retry_strategy={"linear": {"delay_secs": 10}})
        system = sim.system(actions=[flaky.action])
        system.flows.start(spec, run_id="r")
        sim.advance(died_at_s)
        sim.kill(system)
        report = sim.system(actions=[flaky.action]).flows.resume("r").wait()
        assert (report.state, states(report)) == ("succeeded", ["failed", "failed", "succeeded"])
        assert [round(start) for start in flaky.starts_s] == [0, 10, 20]

    def test_a_wait_that_was_over_meanwhile_is_tried_at_once(self, sim: Simulation) -> None:
        """Law: a due time in the past is now."""
        flaky = Flaky(sim, ValueError("one"))
        system = sim.system(actions=[flaky.action])
        system.flows.start(one_node(try_count=2, retry_strategy={"linear": {"delay_secs": 10}}), run_id="r")
        sim.advance(1)
        sim.kill(system)
        sim.advance(99)
        assert sim.system(actions=[flaky.action]).flows.resume("r").wait().state == "succeeded"
        assert flaky.starts_s == [0, 100]

    @pytest.mark.parametrize("moment", ["before", "after"])
    @pytest.mark.parametrize("commit", range(1, 8))
    def test_tries_are_counted_right_wherever_it_dies(self, sim: Simulation, commit: int, moment: str) -> None:
        """Law: killed at any commit, the node has exactly its three tries, attempts cut off apart."""
        flaky = Flaky(sim, *[ValueError("no")] * 99)
        report = play_twice(sim, [flaky.action], one_node(try_count=3, retry_strategy=EXPONENTIAL), commit, moment)
        assert report.state == "failed"
        assert [state for state in states(report) if state != "interrupted"] == ["failed"] * 3
        # A body that ended before its end was committed left that end in the slot file: it is not run again.
        assert len(flaky.starts_s) == 3


def play_twice(sim: Simulation, actions: list[Any], spec: dict[str, Any], commit: int, moment: str) -> Report:
    """Play a run whose first worker is killed at that commit; a second one goes on where it was left."""
    system = sim.system(actions=actions)
    sim.kill_at(system, commit, moment)
    try:
        return system.flows.start(spec, run_id="r").wait()
    except WorkerKilled:
        flows = sim.system(actions=actions).flows
    known = {run.run_id: run.state for run in flows.runs()}
    if not known:
        return flows.start(spec, run_id="r").wait()
    return flows.report("r") if known["r"] == "failed" else flows.resume("r").wait()
