"""Progress counts: each invocation once, whatever order its events come in."""

from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.cli.tally import Tally
from dagger_actors.core.states import FINAL_NODE
from dagger_actors.flow.running.run_events import NodeChanged, NodeCount, NodeProgress


def changed(key: str, state: str, attempt: int = 1) -> NodeChanged:
    return NodeChanged(
        run_id="r", node_id="n", invocation_key=key, attempt=attempt, state=state, error=None, due_us=None
    )


def test_a_failed_attempt_that_waits_for_its_retry_is_no_failure_and_not_done():
    """Law: failed means failed for good."""
    tally = Tally()
    tally.apply([NodeCount(run_id="r", total=1), changed("0", "running"), changed("0", "failed")])
    assert (tally.read().done, tally.read().failed, tally.read().running) == (1, 1, 0)
    tally.apply([changed("0", "waiting", 2)])
    assert (tally.read().done, tally.read().failed) == (0, 0)
    tally.apply([changed("0", "succeeded", 2)])
    assert (tally.read().total, tally.read().done, tally.read().failed) == (1, 1, 0)


def test_the_last_progress_is_shown_until_its_invocation_changes():
    """Law: what a body told of itself does not outlive it."""
    tally = Tally()
    tally.apply(
        [changed("0", "running"), NodeProgress(run_id="r", node_id="n", invocation_key="0", done=40, total=100)]
    )
    assert tally.read().detail == "n[0] 40/100"
    tally.apply([changed("1", "succeeded")])
    assert tally.read().detail == "n[0] 40/100"
    tally.apply([changed("0", "succeeded")])
    assert tally.read().detail == ""


STATES = st.sampled_from(["ready", "running", "waiting", *sorted(FINAL_NODE)])


@given(st.lists(st.tuples(st.sampled_from("abc"), STATES)))
def test_the_counts_are_those_of_the_last_state_of_each_invocation(steps):
    """Law: done, running and failed follow from the last state of each, and done never exceeds the total."""
    tally = Tally()
    last = {}
    for key, state in steps:
        tally.apply([changed(key, state)])
        last[key] = state
    now = tally.read()
    assert now.done == sum(state in FINAL_NODE for state in last.values())
    assert now.running == list(last.values()).count("running")
    assert now.failed == sum(state in ("failed", "timed_out") for state in last.values())
    assert now.total >= now.done
