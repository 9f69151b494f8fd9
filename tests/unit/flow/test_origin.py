"""Where a failure inside flows comes from, followed through reports alone."""

from dagger_actors.core.messages import ErrorDetail
from dagger_actors.flow.reports.origin import innermost, origin_of
from dagger_actors.flow.reports.report import AttemptReport, NodeReport, Report
from dagger_actors.flow.reports.run_picture import summaries


def node(
    node_id: str, state: str = "failed", *, key: str = "", at: int = 1, error: str = "bad", **more: object
) -> NodeReport:
    attempt = AttemptReport(
        attempt=1, state=state, reason=None, error=ErrorDetail("builtins.ValueError", error), started_us=0,
        finished_us=at, due_us=None,
    )  # fmt: skip
    facts: dict[str, object] = {"reason": None, "output": None, "attempts": (attempt,)} | more
    return NodeReport(node_id=node_id, invocation_key=key, state=state, **facts)


def runs(**nodes: list[NodeReport]) -> dict[str, Report]:
    return {
        run_id.replace("_", "/"): Report(
            run_id=run_id.replace("_", "/"), flow_name="f", state="failed", error=None, inputs={}, outputs={}, created_us=0,
            started_us=0, finished_us=None, elapsed_us=0, nodes=tuple(found),
        )
        for run_id, found in nodes.items()
    }  # fmt: skip


def origin(found: dict[str, Report], node_id: str, key: str = "") -> tuple[str, str, str] | None:
    one = origin_of(found["r"], node_id, key, found.get)
    return None if one is None else (one.run_id, one.node_id, one.invocation_key)


def test_a_failure_is_followed_to_the_innermost_node_that_failed_first() -> None:
    """Law: through any number of flows and maps; of several the first, of hooks none unless nothing else has failed."""
    found = runs(
        r=[node("ok", "succeeded"), node("sub", run="r/sub")],
        r_sub=[node("late", at=9), node("each", at=5, size=3), node("each", "succeeded", key="0"), node("each", key="1", run="r/sub/each/1")],
        r_sub_each_1=[node("hook", at=1, called_for="node_failure"), node("one", at=2)],
    )  # fmt: skip
    assert origin(found, "sub") == ("r/sub/each/1", "one", "")
    del found["r/sub/each/1"]  # pruned, or in another database
    assert origin(found, "sub") == ("r/sub", "each", "1")
    found |= runs(r_sub_each_1=[node("hook", called_for="run_end")])
    assert origin(found, "sub") == ("r/sub/each/1", "hook", "")


def test_what_failed_by_itself_or_not_at_all_comes_from_nowhere_else() -> None:
    """Law: only what is inside another run is told; a map of actions names its own items already."""
    found = runs(r=[node("plain"), node("fine", "succeeded", run="r/fine"), node("map", size=1), node("map", key="0")])
    assert [origin(found, one) for one in ("plain", "fine", "map", "nowhere")] == [None] * 4
    assert origin(found, "map", "0") is None


def test_of_the_runs_of_a_map_those_that_failed_come_first() -> None:
    """Law: whoever shows some of them shows these: a tree of the runs inside, a tooltip."""
    items = [node("sub", "succeeded", key=str(at), run=f"r/sub/{at}") for at in range(4)]
    items[2] = node("sub", key="2", run="r/sub/2")
    found = summaries(runs(r=[node("sub", size=4), *items])["r"])["sub"]
    assert found.runs == ("r/sub/2", "r/sub/0", "r/sub/1", "r/sub/3")


def test_an_error_of_a_flow_in_a_flow_names_the_innermost_run_alone() -> None:
    """Law: its id holds those above it, so nothing is lost; what is no such error stays as it is."""
    assert (
        innermost(
            "sub: SubFlowFailed: run 'r/sub' failed: sub: SubFlowFailed: run 'r/sub/sub' failed: one: ValueError: bad"
        )
        == "sub: SubFlowFailed: run 'r/sub/sub' failed: one: ValueError: bad"
    )
    mapped = "sub: MapFailed: 2 of 4 items failed; the first is item '1': SubFlowFailed: run 'r/sub/1' failed: one: bad"
    assert innermost(mapped) == mapped
    assert innermost("ValueError: bad") == "ValueError: bad"
