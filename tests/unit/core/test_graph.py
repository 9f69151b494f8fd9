"""The dependency graph agrees with a naive one that counts everything anew each time."""

from __future__ import annotations

import graphlib
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dagger_actors.core.graph import DependencyGraph, FinalState, Tally, find_cycle

FINAL: tuple[FinalState, ...] = get_args(FinalState)


class GraphBesideModel(RuleBasedStateMachine):
    """The law: whatever the order of appending, depending and ending, all answers are those of the naive counts."""

    def __init__(self) -> None:
        super().__init__()
        self.graph = DependencyGraph()
        self.dependencies: list[list[int]] = []
        self.added: list[tuple[int, int]] = []
        self.ends: dict[int, FinalState] = {}

    @rule(data=st.data())
    def append(self, data: st.DataObject) -> None:
        vertices = range(len(self.dependencies))
        wanted = data.draw(st.lists(st.sampled_from(vertices), unique=True, max_size=4)) if vertices else []
        assert self.graph.append(wanted) == len(vertices)
        self.added += [(len(vertices), on) for on in wanted]
        self.dependencies.append(list(wanted))

    @rule(data=st.data())
    def append_with_a_stranger(self, data: st.DataObject) -> None:
        """A refused vertex leaves no trace."""
        count = len(self.dependencies)
        stranger = data.draw(st.sampled_from([-1, count, count + 3]))
        with pytest.raises(IndexError, match=f"vertex {count} depends on one that is not in the graph"):
            self.graph.append([*range(count), stranger])

    @precondition(lambda self: len(self.dependencies) > 1)
    @rule(data=st.data())
    def depend(self, data: st.DataObject) -> None:
        vertex = data.draw(st.integers(1, len(self.dependencies) - 1))
        on = data.draw(st.integers(0, vertex - 1))
        if on not in self.dependencies[vertex]:
            self.graph.depend(vertex, on)
            self.dependencies[vertex].append(on)
            self.added.append((vertex, on))

    @precondition(lambda self: self.dependencies)
    @rule(data=st.data(), state=st.sampled_from(FINAL))
    def end(self, data: st.DataObject, state: FinalState) -> None:
        vertex = data.draw(st.integers(0, len(self.dependencies) - 1))
        if vertex in self.ends:
            with pytest.raises(ValueError, match=f"vertex {vertex} has ended already, as {self.ends[vertex]}"):
                self.graph.end(vertex, state)
            return
        ready = self.graph.end(vertex, state)
        self.ends[vertex] = state
        assert ready == [one for one, on in self.added if on == vertex and not self.is_waiting(one)]

    def is_waiting(self, vertex: int) -> bool:
        return any(on not in self.ends for on in self.dependencies[vertex])

    @invariant()
    def agree(self) -> None:
        assert len(self.graph) == len(self.dependencies)
        for vertex, wanted in enumerate(self.dependencies):
            ended = [self.ends[on] for on in wanted if on in self.ends]
            assert self.graph.is_waiting(vertex) == self.is_waiting(vertex)
            assert self.graph.state(vertex) == self.ends.get(vertex)
            assert self.graph.tally(vertex) == Tally(**{state: ended.count(state) for state in FINAL})
            assert self.graph.is_unhindered(vertex) == all(state == "succeeded" for state in ended)
            assert self.graph.tally(vertex).unsuccessful == sum(state != "succeeded" for state in ended)


GraphBesideModel.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestGraphBesideModel = GraphBesideModel.TestCase


@st.composite
def any_dependencies(draw: st.DrawFn) -> list[list[int]]:
    """Draw what every vertex depends on; cycles and loops included."""
    count = draw(st.integers(0, 7))
    some = st.lists(st.integers(0, max(0, count - 1)), unique=True, max_size=3)
    return [draw(some) for _ in range(count)]


@given(any_dependencies())
def test_a_cycle_is_found_exactly_when_the_standard_library_finds_one(dependencies: list[list[int]]) -> None:
    """The cycle is whole: each depends on the next, the last on the first, none is named twice."""
    cycle = find_cycle(dependencies)
    try:
        graphlib.TopologicalSorter(dict(enumerate(dependencies))).prepare()
    except graphlib.CycleError:
        assert cycle
        assert len(set(cycle)) == len(cycle)
        assert all(on in dependencies[vertex] for vertex, on in pairwise([*cycle, cycle[0]]))
    else:
        assert cycle is None


@given(any_dependencies().filter(lambda dependencies: find_cycle(dependencies) is None))
def test_ending_what_is_ready_visits_every_vertex_once_after_its_dependencies(dependencies: list[list[int]]) -> None:
    """A graph built at once, whose vertices may depend on later ones, is walked in a topological order."""
    graph = DependencyGraph.of(dependencies)
    ready = [vertex for vertex in range(len(graph)) if not graph.is_waiting(vertex)]
    done: list[int] = []
    while ready:
        vertex = ready.pop()
        assert set(dependencies[vertex]) <= set(done)
        done.append(vertex)
        ready += graph.end(vertex, "succeeded")
    assert sorted(done) == list(range(len(dependencies)))


def test_a_vertex_that_depends_on_itself_is_a_cycle_of_one() -> None:
    """The smallest cycle."""
    assert find_cycle([[], [1]]) == [1]


def test_the_tail_that_leads_into_a_cycle_is_not_part_of_it() -> None:
    """The cycle alone is shown, in the order of "depends on"."""
    assert find_cycle([[1], [2], [3], [4, 1], []]) == [1, 2, 3]


def test_a_long_chain_neither_recurses_nor_takes_quadratic_time() -> None:
    """200,000 vertices in a row: the cycle check, the building and the walk are loops."""
    count = 200_000
    chain = [[vertex + 1] for vertex in range(count - 1)]
    assert find_cycle([*chain, []]) is None
    assert len(find_cycle([*chain, [0]]) or []) == count
    graph = DependencyGraph.of([*chain, []])
    ready, walked = [count - 1], 0
    while ready:
        walked += 1
        ready = graph.end(ready[0], "succeeded")
    assert walked == count


def test_a_vertex_appended_behind_ended_ones_is_ready_at_once() -> None:
    """A graph grows while it is walked; what has ended counts, and is not waited for."""
    graph = DependencyGraph()
    graph.append()
    graph.append()
    graph.end(0, "succeeded")
    graph.end(1, "timed_out")
    late = graph.append([0, 1])
    assert not graph.is_waiting(late)
    assert graph.tally(late) == Tally(succeeded=1, timed_out=1)
