"""The picture of a job: arrows without circles, whatever waits for whom."""

from __future__ import annotations

from graphlib import TopologicalSorter

from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.tasks.reports.job_graph import without_circles

COUNT = 8
nodes = st.integers(0, COUNT - 1)
edges = st.lists(st.tuples(nodes, nodes), max_size=30)


def is_sorted_out(found: tuple[tuple[int, int], ...]) -> bool:
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for source, target in found:
        sorter.add(target, source)
    sorter.prepare()  # raises when there is a circle
    return True


@given(edges)
def test_no_circle_is_left_and_no_arrow_is_made_up(given_edges: list[tuple[int, int]]) -> None:
    """Law: a part of what was given, each once, without a circle."""
    found = without_circles(COUNT, given_edges)
    assert is_sorted_out(found)
    assert len(set(found)) == len(found)
    assert set(found) <= set(given_edges)


@given(edges)
def test_arrows_without_circles_are_all_kept(given_edges: list[tuple[int, int]]) -> None:
    """Law: from lower to higher there is no circle, so nothing is left out."""
    upward = [(one, other) for one, other in given_edges if one < other]
    assert set(without_circles(COUNT, upward)) == set(upward)


def test_a_long_chain_is_walked_without_recursion() -> None:
    chain = [(at, at + 1) for at in range(5000)]
    assert len(without_circles(5001, [*chain, (5000, 0)])) == 5000
