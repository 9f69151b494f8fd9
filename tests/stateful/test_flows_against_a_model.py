"""Real runs on virtual time against a small model in lockstep: whatever bodies, people, clocks, commands and deaths do, and what hooks hear of it."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from dagger_actors import ActorSystem, Event
from dagger_actors.core.states import NODE_TRANSITIONS
from dagger_actors.errors import DaggerError
from dagger_actors.testing.simulation import open_simulation
from tests.conftest import MEMORY
from tests.stateful.flows_drawn import KINDS, KINDS_GROWN, few, flow_specs, node_specs, picks, triggers
from tests.stateful.flows_learner import Learner
from tests.stateful.flows_model import Run
from tests.stateful.flows_parts import GOOD, FlowSpec, Node, Piece, Spec, Told
from tests.stateful.flows_stage import Fate, Place, Row, Stage, heard

SLACK_US = 1_000_000
"""How late a system may look at what is due in a run that rests."""
POLL_S = 0.3
"""After so long what was told to the file is known to whoever polls it."""
MOMENT_S = 0.02
"""After so long all is still: while other workers live, a journal pauses between its commits."""
LEFT_S = 11
"""After so long a run inside another, whose end was decided where nobody has its code, is found by who has."""
MOST_RUNS = 3


class FlowsAgainstAModel(Learner, RuleBasedStateMachine):
    """One database, one worker at a time, a few runs."""

    @initialize(seed=st.integers(0, 1000), flow=flow_specs(KINDS))
    def begin(self, seed: int, flow: FlowSpec) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dagger-sim-", dir=MEMORY if MEMORY.is_dir() else None))
        self.stack = contextlib.ExitStack()
        self.sim = self.stack.enter_context(open_simulation(seed, self.folder))
        self.stage = Stage(self.sim, self.folder)
        self.system = self.stage.open()
        self.elsewhere = self.sim.system()
        self.generation = 0
        self.doomed: ActorSystem | None = None
        self.runs: dict[str, Run] = {}
        self.count = 0
        self.finals: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self.states: dict[tuple[Any, ...], str] = {}
        self.events: dict[str, list[Any]] = {}
        self.cut_short: set[str] = set()
        """Runs that were cancelled twice: what they had not called by then may be left out."""
        self.start_one(flow)

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        try:
            if self.is_sound:
                self.let_all_end()
        finally:
            self.stage.close()
            self.stack.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Do something; then let all become still, learn what it was, and compare."""
        self.is_sound = False
        self.began_us = self.now
        yield
        self.become_still()
        self.clocks_are_right()
        self.is_sound = True

    # --- what may happen

    @rule(flow=flow_specs(KINDS))
    @precondition(lambda self: len(self.runs) < MOST_RUNS)
    def start(self, flow: FlowSpec) -> None:
        self.start_one(flow)

    def start_one(self, flow: FlowSpec) -> None:
        with self.step():
            run_id = f"r{len(self.runs)}"
            path = self.stage.write(run_id, flow)
            if self.tries(lambda: self.system.flows.start(path, run_id=run_id)) or run_id in self.stage.statuses():
                self.runs[run_id] = Run(run_id, flow)

    @rule(pick=picks, is_good=st.sampled_from([True, True, True, False]))
    @precondition(lambda self: self.at_work())
    def let_a_body_end(self, pick: int, is_good: bool) -> None:
        self.tell(pick, is_good=is_good)

    @rule(pick=picks)
    @precondition(lambda self: self.at_work())
    def let_a_body_succeed(self, pick: int) -> None:
        self.tell(pick, is_good=True)

    @rule(pick=picks)
    @precondition(lambda self: self.at_work())
    def let_a_body_fail(self, pick: int) -> None:
        self.tell(pick, is_good=False)

    @rule(
        pick=picks,
        wishes=st.lists(
            st.tuples(node_specs("x", [], KINDS_GROWN), few, triggers, st.booleans()), min_size=1, max_size=2
        ),
    )
    @precondition(lambda self: self.at_work())
    def let_a_body_add_nodes(self, pick: int, wishes: list[tuple[Spec, list[int], str, bool]]) -> None:
        """They depend on any that there are."""
        body = self.at_work()[pick % len(self.at_work())]
        run = self.run_of(body)
        there = {node.spec.id: node.spec for node in run.nodes.values()}
        added: list[Spec] = []
        for spec, ons, trigger, is_over in wishes:
            self.count += 1
            on = tuple(dict.fromkeys(list(there)[one % len(there)] for one in ons))
            more: dict[str, Any] = {"id": f"x{self.count}", "on": on, "added_by": body.place[1]}
            more["trigger"] = trigger if on else "all_succeeded"
            if is_over and spec.is_map and on and there[on[0]].is_map and more["trigger"] == "all_succeeded":
                more |= {"over": on[0], "items": None}
            added.append(dataclasses.replace(spec, **more))
            there[added[-1].id] = added[-1]
        self.tell(pick, is_good=True, added=tuple(added))

    @rule(pick=picks, answer=st.sampled_from([True, True, False, False, "perhaps"]), is_here=st.booleans())
    @precondition(lambda self: self.approvals())
    def answer(self, pick: int, answer: Any, is_here: bool) -> None:
        run, node = self.approvals()[pick % len(self.approvals())]
        self.command(
            run.why_no_answer(node.spec.id, answer),
            lambda: self.teller(is_here).flows.signal(run.id, node.spec.id, answer),
            lambda: run.hear(node.spec.id, answer),
            lambda: self.stage.has_answer(run.id, node.spec.id),
        )

    @rule(pick=picks, is_here=st.booleans())
    def pause(self, pick: int, is_here: bool) -> None:
        run = self.one_run(pick)
        self.command(
            run.why_no_pause(),
            lambda: self.teller(is_here).flows.pause(run.id),
            run.pause,
            lambda: self.stage.statuses()[run.id] in {("running", True, False), ("paused", False, False)},
        )

    @rule(pick=picks)
    @precondition(lambda self: any(run.can_be_told_to_resume for run in self.runs.values()))
    def resume(self, pick: int) -> None:
        run = self.one_run(pick, lambda run: run.can_be_told_to_resume)
        before = self.stage.statuses()[run.id]
        self.command(
            run.why_no_resume(),
            lambda: self.system.flows.resume(run.id),
            run.resume,
            lambda: self.stage.statuses()[run.id] != before,
        )

    @rule(pick=picks)
    @precondition(lambda self: any(run.status not in {"running", GOOD} for run in self.runs.values()))
    def retry(self, pick: int) -> None:
        run = self.one_run(pick, lambda run: run.status != "running")
        before, has_place = self.stage.statuses()[run.id], self.places()
        self.command(
            run.why_no_retry(),
            lambda: self.system.flows.retry(run.id),
            lambda: None if run.status == GOOD else run.retry(has_place),
            lambda: self.stage.statuses()[run.id] != before,
        )

    @rule(pick=picks, is_here=st.booleans())
    def cancel(self, pick: int, is_here: bool) -> None:
        run = self.one_run(pick)
        if run.status == "cancelled":  # a second cancel, which leaves out what has not been called by then
            self.cut_short.update(one.id for one in self.all_runs() if f"{one.id}/".startswith(f"{run.id}/"))
        self.command(
            run.why_no_stop(),
            lambda: self.teller(is_here).flows.cancel(run.id),
            lambda: run.stop("cancelled"),
            lambda: self.stage.statuses()[run.id][0] == "cancelled",
        )

    @rule(pick=picks, is_here=st.booleans())
    def cancel_a_node(self, pick: int, is_here: bool) -> None:
        run, node = self.one_node(pick)
        self.command(
            run.why_no_cancel(node.spec.id),
            lambda: self.teller(is_here).flows.cancel(run.id, node=node.spec.id),
            lambda: run.cancel(node.spec.id),
            lambda: self.stage.state_of(run.id, node.spec.id) == "cancelled",
        )

    @rule(pick=picks)
    @precondition(lambda self: len(self.runs) < MOST_RUNS)
    def fork(self, pick: int) -> None:
        run, node = self.one_node(pick)
        fork_id = f"r{len(self.runs)}"
        made = run.fork(fork_id, node.spec.id)
        refusal = "" if made is not None else "ForkRefused"
        if not self.stage.has_run(run.id, node.spec.id):
            refusal = "NeverRan"

        def begin() -> None:
            assert made is not None
            self.runs[fork_id] = made

        self.command(
            refusal,
            lambda: self.system.flows.fork(run.id, start_from=[node.spec.id], run_id=fork_id),
            begin,
            lambda: fork_id in self.stage.statuses(),
        )

    def tell(self, pick: int, *, is_good: bool, added: tuple[Spec, ...] = ()) -> None:
        with self.step():
            bodies = self.at_work()
            self.count += 1
            bodies[pick % len(bodies)].tell(Fate(self.count, is_good, added))

    def command(
        self, refusal: str, verb: Callable[[], object], meaning: Callable[[], object], is_done: Callable[[], bool]
    ) -> None:
        """Tell a run something; what cannot be is refused by the error of that name, and changes nothing."""
        with self.step():
            is_told, error = False, ""
            try:
                is_told = self.tries(verb)
            except DaggerError as refused:
                error = type(refused).__name__
            assert error == refusal or (not error and not is_told), (error, refusal)
            if not refusal and (is_told or is_done()):
                self.learn(is_dead=not self.sim.is_alive(self.system))
                meaning()
                self.sim.advance(POLL_S)
                if self.sim.is_alive(self.system):
                    self.go_on_deaf()

    @rule(wish=st.sampled_from([0.06, 0.6, None, None]))
    def wait(self, wish: float | None) -> None:
        self.let_time_pass(wish)

    def let_time_pass(self, wish: float | None = None) -> None:
        dues = [run.due for run in self.all_runs() if run.due is not None]
        dues += [piece.due or 0 for run in self.all_runs() for _, _, piece in run.all() if self.is_armed(run, piece)]
        with self.step():
            if wish is None and dues:
                wish = max(0.0, (min(dues) + SLACK_US - self.now) / 1e6)
            self.pass_time(wish or 0.6)

    @rule(commit=st.integers(1, 4), moment=st.sampled_from(["before", "after"]))
    @precondition(lambda self: self.doomed is not self.system)
    def doom(self, commit: int, moment: Any) -> None:
        """Some commit from now on is the last of the worker."""
        self.sim.kill_at(self.system, commit, moment)
        self.doomed = self.system

    @rule()
    def kill(self) -> None:
        with self.step():
            self.sim.kill(self.system)

    # --- choosing

    def one_run(self, pick: int, is_apt: Callable[[Run], bool] = lambda _run: True) -> Run:
        runs = [run for run in self.runs.values() if is_apt(run)]
        return runs[pick % len(runs)]

    def all_nodes(self) -> list[tuple[Run, Node]]:
        return [(run, node) for run in self.runs.values() for node in run.nodes.values()]

    def approvals(self) -> list[tuple[Run, Node]]:
        return [(run, node) for run in self.all_runs() for node in run.nodes.values() if node.spec.kind == "ask"]

    def one_node(self, pick: int, is_apt: Callable[[Node], bool] = lambda _node: True) -> tuple[Run, Node]:
        nodes = [(run, node) for run, node in self.all_nodes() if is_apt(node)]
        return nodes[pick % len(nodes)]

    # --- what must hold after every step

    def become_still(self) -> None:
        self.sim.advance(MOMENT_S)
        while not self.sim.is_alive(self.system):
            self.learn(is_dead=True)
            self.system = self.stage.open()
            self.sim.advance(MOMENT_S)
            self.learn_who_was_cut_off()
        self.learn(is_dead=False)
        self.compare()

    def compare(self) -> None:
        for body in self.stage.bodies:
            assert body.is_known, f"{body.place} began, and nothing let it: {self.all_runs()}"
        rows, statuses = self.stage.rows(), self.stage.statuses()
        expected = {run.id: (run.status, run.is_pausing, run.asks) for run in self.all_runs()}
        assert statuses == expected, (statuses, expected)
        for run in self.all_runs():
            known = set()
            for node, item, piece in run.all():
                known.add((node.spec.id, item))
                self.compare_one(
                    run, node, piece, (run.id, node.spec.id, item), self.row(rows, (run.id, node.spec.id, item))
                )
                is_idle = run.is_ready(piece) and run.has_room(node) and not run.may_wait(node)
                assert not is_idle, f"{node.spec.id}[{item}] could run, and does not: {run}"
                is_called = run.starts.get(node.spec.id) is False and not run.is_held
                is_unheard = is_called and run.count("running") < run.limit
                assert not is_unheard, f"the start of {node.spec.id} could be heard of, and is not: {run}"
            assert known >= rows.get(run.id, {}).keys()
        self.nothing_that_is_over_changes()
        self.steps_are_those_of_the_table()
        ending = self.stage.ending()
        assert not ending & self.runs.keys()
        for run in self.all_runs():
            events = self.stage.looking.flows.events(run.id, 0)
            self.events_are_told_once(run, events)
            is_all = run.id not in ending | self.cut_short and run.count("running") < run.limit
            self.all_have_heard(run, [*heard(events), *self.stage.amended(run.id)], is_all=is_all)

    def compare_one(self, run: Run, node: Node, piece: Piece, place: Place, row: Row | None) -> None:
        assert is_shown(piece, row), f"{place} is {piece.state}, and in the file {row}"
        if row is None:
            return
        if piece.state in {"running", "waiting"}:
            assert (row.tries, row.crashes) == (piece.tries, piece.crashes), place
        if piece.due is not None and piece.state in {"waiting", "asked"}:
            assert row.due is not None
            late_us = row.due - self.sim.world.wall_offset_us - piece.due
            assert abs(late_us) <= SLACK_US + POLL_S * 1e6, (place, late_us)
            piece.due += late_us  # what a run that rests does next, it does when it is looked at
        if piece.state == GOOD and not node.spec.is_map:
            assert row.output == piece.output, place
        live = [body for body in self.at_work() if body.place == place]
        assert len(live) == (piece.state == "running"), (place, live)

    def clocks_are_right(self) -> None:
        """A run has run for no longer than it may, nor than it could; what was counted stays so, and at rest its clock stands still."""
        elapsed = self.stage.elapsed()
        for run in self.all_runs():
            run.ran_us += self.now - self.began_us
            counted_us, run.counted_us = run.counted_us, elapsed[run.id]
            assert counted_us <= run.counted_us <= run.ran_us, (
                f"{run} has run for {counted_us} to {run.ran_us}, and in the file for {run.counted_us}"
            )
            if run.status != "running":
                run.ran_us, run.due = run.counted_us, None
            elif run.timeout_us is not None and (run.due is None or self.stage.generation > self.generation):
                run.due = self.now + run.timeout_us - run.counted_us
            assert run.due is None or self.now <= run.due + SLACK_US, f"the time of {run} is up"
        self.generation = self.stage.generation

    def nothing_that_is_over_changes(self) -> None:
        finals = self.stage.final_rows()
        for key, row in self.finals.items():
            if key[-1]:  # what never began is forgotten by a retry
                assert finals[key] == row, key
        self.finals = finals

    def steps_are_those_of_the_table(self) -> None:
        states = self.stage.states()
        for key, state in states.items():
            old = self.states.get(key, "pending") if key[-1] else "pending"
            assert state in reachable(old), (key, old, state)
        self.states = states

    def events_are_told_once(self, run: Run, events: list[Event]) -> None:
        """Each has a number of its own, and what has been told is never taken back, nor is something put before it."""
        found = [
            (event.seq, event.kind, event.name, event.node_id, event.invocation_key, event.attempt)
            for event in events
            if event.attempt or not event.node_id  # what never began is forgotten by a retry
        ]
        assert len({seq for seq, *_ in found}) == len(found)
        before = self.events.get(run.id, [])
        assert found[: len(before)] == before
        self.events[run.id] = found

    @staticmethod
    def all_have_heard(run: Run, calls: list[Told], *, is_all: bool) -> None:
        """Hooks, and failure actions, each of what has happened once, whoever died meanwhile; but they wait for a place as others do."""
        has, told = Counter(calls), Counter(run.told)
        assert has == told if is_all else has <= told, (run, has - told, told - has)

    # --- at the end

    def let_all_end(self) -> None:
        """Whatever is at work succeeds, until nothing is left to happen."""
        if self.doomed is self.system:
            self.sim.kill_at(self.system, 1_000_000)
        for _ in range(200):
            before = (self.now, len(self.stage.bodies), self.count)
            while bodies := self.at_work():
                with self.step():
                    self.count += 1
                    bodies[0].tell(Fate(self.count, is_good=True))
            if any(self.is_armed(run, piece) for run in self.all_runs() for _, _, piece in run.all()):
                self.let_time_pass()
            if before == (self.now, len(self.stage.bodies), self.count):
                break
        if self.stage.ending():
            with self.step():
                self.pass_time(LEFT_S)
        assert not self.stage.ending()
        for run in self.runs.values():
            report = self.system.flows.report(run.id)
            assert report.state == run.status
            assert run.status != "running"
            if run.status == GOOD:
                assert report.outputs == run.outputs(), (report.outputs, run.outputs())


def is_shown(piece: Piece, row: Row | None) -> bool:
    """Whether the last row of an invocation says what the model says of it."""
    if row is None:
        return piece.state in {"pending", "entering", "ready"}
    match piece.state:
        case "pending" | "entering":
            return row.state == "interrupted"
        case "ready":
            rests = piece.run is not None and row.reason == "flow"
            return row.state in {"ready", "interrupted"} or row.reason == "retry" or rests
        case "running":
            return row.state in {"ready", "running"}
        case "waiting":
            return (row.state, row.reason) == ("waiting", "retry")
        case "asked":
            return (row.state, row.reason) == ("waiting", "human")
        case "inside" | "asking":
            return (row.state, row.reason) == ("waiting", "flow")
        case "parked":
            return (row.state, row.reason) == ("waiting", piece.parked)
        case "going":
            return row.state == "running"
        case "held":
            return row.state == piece.held
        case state:
            return row.state == state


def reachable(state: str) -> set[str]:
    found = {state}
    while True:
        more = {after for one in found for after in NODE_TRANSITIONS[one]} - found
        if not more:
            return found
        found |= more


def machine_settings(examples: int, steps: int, *, is_fixed: bool = False) -> settings:
    """The short form plays the same examples every time; the full one finds new ones."""
    return settings(
        derandomize=is_fixed,
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@pytest.mark.timeout(900)  # Hypothesis takes minutes to make an example small
def test_runs_go_as_the_model_says() -> None:
    """Law: states, tries, outputs and ends are those of the model after every step, and nothing begins that may not."""
    run_state_machine_as_test(FlowsAgainstAModel, settings=machine_settings(10, 30, is_fixed=True))


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_runs_go_as_the_model_says_for_long() -> None:
    """Law: the same, in full."""
    run_state_machine_as_test(FlowsAgainstAModel, settings=machine_settings(400, 60))
