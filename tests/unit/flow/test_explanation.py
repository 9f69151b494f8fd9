"""Why a node is in its state: each state's sentence, and the way back to what it comes from."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.retry import Exponential, Linear, RetryPolicy
from dagger_actors.errors import UnknownNode
from dagger_actors.flow.definition import (
    Approval,
    AwaitMessage,
    Constant,
    FlowConfig,
    FlowDefinition,
    FromInput,
    NodeDefinition,
)
from dagger_actors.flow.reports.attempt_wording import cached_by
from dagger_actors.flow.reports.explanation import Explanation, explain
from dagger_actors.flow.reports.report import AttemptReport, NodeReport, Report
from dagger_actors.flow.stored.given_answers import Answer

NOW_US = 1_700_000_000_000_000
BROKEN = ErrorDetail("builtins.ValueError", "no such\nfile", ("ValueError", "builtins.ValueError"))
MISTAKE = ErrorDetail("builtins.TypeError", "", ("TypeError", "builtins.TypeError"))


def attempt(number: int, state: str, error: ErrorDetail | None = None, **more: Any) -> AttemptReport:
    facts = {"reason": None, "started_us": NOW_US - 3_000_000, "finished_us": None, "due_us": None}
    return AttemptReport(attempt=number, state=state, error=error, **{**facts, **more})


def node(node_id: str, state: str, *attempts: AttemptReport, key: str = "", reason: str | None = None, size: int | None = None) -> NodeReport:  # fmt: skip
    return NodeReport(
        node_id=node_id, invocation_key=key, state=state, reason=reason, output=None, attempts=attempts, size=size
    )


def flow(*edges: tuple[str, str], retry: RetryPolicy | None = None, **config: Any) -> FlowDefinition:
    """A flow of ``(node, its dependencies)``; dependencies are letters."""
    names = [name for name, _ in edges]
    nodes = tuple(
        NodeDefinition(
            id=name,
            action="act",
            dependencies=tuple(names.index(on) for on in above),
            retry=retry or RetryPolicy(),
            on_failure=config.get("on_failure", "stop"),
        )
        for name, above in edges
    )
    return FlowDefinition(name="f", nodes=nodes, config=FlowConfig(**config))


def run(state: str, *nodes: NodeReport) -> Report:
    return Report(
        run_id="r", flow_name="f", state=state, error=None, inputs={}, outputs={}, created_us=0, started_us=0,
        finished_us=None, elapsed_us=0, nodes=nodes,
    )  # fmt: skip


def why(report: Report, definition: FlowDefinition, node_id: str, key: str = "", **more: Any) -> Explanation:
    return explain(report, definition, node_id, key, now_us=NOW_US, **more)


CHAIN = (("a", ""), ("b", "a"), ("c", "b"), ("d", "cx"), ("x", ""))


def test_a_waiting_node_is_followed_to_the_roots_that_hold_it_up() -> None:
    """Law: direct dependencies first, then the ancestors that wait for nobody; what has ended is none of them."""
    report = run(
        "running", node("a", "running", attempt(1, "running")), node("x", "succeeded", attempt(1, "succeeded"))
    )
    found = why(report, flow(*CHAIN), "d")
    assert found.state == "pending"
    assert found.sentences == ("it waits for 'c' (pending)", "in the end that is for 'a'")
    assert [(cause.node_id, cause.state) for cause in found.causes] == [("a", "running")]
    assert found.causes[0].sentence == "attempt 1 runs since 2023-11-14 22:13:17 UTC, for 3.0 s"
    assert found.place == "node 4 of 5, action 'act'; after 'c', 'x'; nothing depends on it"
    assert found.next_verb == ""


def test_a_retry_wait_says_when_after_which_error_and_by_which_policy() -> None:
    """Law: the next attempt's time, the last error's first line, tries used, the spacing."""
    retry = RetryPolicy(tries=5, wait=Exponential(initial_delay_secs=1, max_delay_secs=9, jitter=0.5))
    waiting = node(
        "a",
        "waiting",
        attempt(1, "interrupted", reason="its process died"),
        attempt(2, "failed", BROKEN),
        attempt(3, "waiting", started_us=None, due_us=NOW_US + 2_500_000),
        reason="retry",
    )
    assert why(run("running", waiting), flow(("a", ""), retry=retry), "a").sentences == (
        "it waits for attempt 3, at 2023-11-14 22:13:22 UTC (due in 2.5 s)",
        "attempt 2 failed with ValueError: no such",
        "try 1 of 5 is over; the wait is exponential: 1 s, times 2 after each try, at most 9 s, plus up to 0.5 s at random",
    )


MATCH = (("order", FromInput("order")), ("state", Constant('"paid"')))


@pytest.mark.parametrize(
    ("state", "attempts", "reason", "sentences"),
    [
        (
            "waiting",
            [attempt(1, "waiting", due_us=NOW_US + 5_000_000)],
            "message",
            (
                'it awaits a message of payments with order = inputs.order and state = "paid"',
                "it does since 2023-11-14 22:13:17 UTC, for 3.0 s",
                "it times out at 2023-11-14 22:13:25 UTC (in 5.0 s)",
            ),
        ),
        (
            "timed_out",
            [attempt(1, "timed_out", ErrorDetail("builtins.TimeoutError", "no message came"))],
            None,
            ("it timed out with TimeoutError: no message came", "on_failure is stop: the run stops"),
        ),
        (
            "cancelled",
            [attempt(1, "cancelled", reason="run cancelled")],
            "run cancelled",
            ("it was waiting when it was cancelled: run cancelled",),
        ),
        (
            "succeeded",
            [attempt(1, "succeeded", finished_us=NOW_US)],
            "message 3 of 'payments'",
            ("it succeeded in attempt 1, which took 3.0 s", "message 3 of 'payments'"),
        ),
    ],
)
def test_a_node_that_awaits_a_message_says_which_and_until_when(state, attempts, reason, sentences) -> None:
    """Law: the channel, the fields, since when and until when; of tries, which it has none of, it says nothing."""
    waits = NodeDefinition(id="a", awaits=AwaitMessage(channel="payments", match=MATCH, timeout_s=8))
    found = why(
        run("running", node("a", state, *attempts, reason=reason)), FlowDefinition(name="f", nodes=(waits,)), "a"
    )
    assert found.sentences == sentences
    assert (
        found.place == "node 1 of 1, which awaits a message of payments; it depends on nothing; nothing depends on it"
    )


@pytest.mark.parametrize(
    ("retry", "error", "part"),
    [
        (RetryPolicy(), BROKEN, "that was try 1 of 1: it is tried once (try_count)"),
        (RetryPolicy(tries=3), BROKEN, "that was try 1 of 3: it was not tried again"),
        (RetryPolicy(tries=3), MISTAKE, "TypeError is a mistake that trying again does not mend"),
        (RetryPolicy(tries=3, give_up_on=("ValueError",)), BROKEN, "ValueError is in give_up_on"),
        (RetryPolicy(tries=3, retry_on=("OSError",)), BROKEN, "ValueError is not in retry_on"),
    ],
)
def test_a_failure_says_with_what_and_why_there_was_no_further_try(retry, error, part) -> None:
    """Law: error, tries, policy, and what the failure does to the run."""
    failed = node("a", "failed", attempt(1, "failed", error))
    found = why(run("failed", failed), flow(("a", ""), retry=retry), "a")
    assert part in found.sentences[1]
    assert found.sentences[-1] == "on_failure is stop: the run stops"
    assert found.next_verb == "retry"


def test_used_up_tries_tell_their_history() -> None:
    """Law: after how many tries, each one's end."""
    failed = node("a", "timed_out", attempt(1, "failed", BROKEN), attempt(2, "timed_out", MISTAKE))
    retry = RetryPolicy(tries=2, wait=Linear(delay_secs=1), retry_on=("Exception", "TypeError"))
    assert why(run("failed", failed), flow(("a", ""), retry=retry), "a").sentences[:3] == (
        "it timed out with TypeError",
        "that was try 2 of 2: no tries are left",
        "attempt 1 failed with ValueError: no such",
    )


def test_tries_before_a_retry_of_the_run_are_not_counted_against_its_limit() -> None:
    """Law: there is no try 2 of 1: `retry` gives the tries anew."""
    failed = node("a", "failed", attempt(1, "failed", BROKEN), attempt(2, "failed", BROKEN))
    told = why(run("failed", failed), flow(("a", "")), "a").sentences[1]
    assert told == "that was try 2, those before a retry of the run counted: it is tried once (try_count)"


def test_a_skipped_node_goes_back_to_the_failure_it_comes_from() -> None:
    """Law: along the chain of culprits, the root last."""
    report = run(
        "failed",
        node("a", "failed", attempt(1, "failed", BROKEN)),
        node("b", "skipped", reason="dependency 'a' failed"),
        node("c", "skipped", reason="dependency 'b' was skipped"),
        node("d", "skipped", reason="dependency 'c' was skipped"),
        node("x", "succeeded", attempt(1, "succeeded")),
    )
    found = why(report, flow(*CHAIN), "d")
    assert found.sentences[0] == "it was skipped: dependency 'c' was skipped"
    assert found.sentences[1] == "that goes back to 'a', which failed with ValueError: no such"
    assert [cause.node_id for cause in found.causes] == ["c", "b", "a"]


def test_a_chain_of_any_length_is_followed_without_recursion_and_told_in_bounds() -> None:
    """Law: 20,000 skipped nodes back to one failure: its root is named, 20 nodes are listed."""
    names = [f"n{at}" for at in range(20_000)]
    nodes = tuple(
        NodeDefinition(id=name, action="act", dependencies=(at - 1,) if at else ()) for at, name in enumerate(names)
    )
    rows = [node("n0", "failed", attempt(1, "failed", BROKEN))]
    rows += [node(name, "skipped", reason=f"dependency {names[at]!r} failed") for at, name in enumerate(names[1:])]
    found = why(run("failed", *rows), FlowDefinition(name="f", nodes=nodes), names[-1])
    assert found.causes[-1].node_id == "n0"
    assert len(found.causes) == 20
    waiting = why(run("running", node("n0", "running", attempt(1, "running"))), FlowDefinition(name="f", nodes=nodes), names[-1])  # fmt: skip
    assert [cause.node_id for cause in waiting.causes] == ["n0"]


def test_what_was_cancelled_before_it_began_says_so_and_blames_nobody_else() -> None:
    """Law: a node that somebody cancelled while it was pending has not run, and failures elsewhere are not its reason."""
    report = run(
        "failed",
        node("a", "failed", attempt(1, "failed", BROKEN)),
        node("b", "cancelled", reason="node cancelled"),
        node("c", "cancelled", attempt(1, "cancelled", reason="node cancelled"), reason="node cancelled"),
    )
    definition = flow(("a", ""), ("b", ""), ("c", ""))
    for node_id, sentence in (
        ("b", "it was cancelled before it began: node cancelled"),
        ("c", "it was running when it was cancelled: node cancelled"),
    ):
        found = why(report, definition, node_id)
        assert (found.sentences[0], found.causes) == (sentence, ())


def asks(**more: Any) -> FlowDefinition:
    approval = Approval(message="Go?", timeout_s=5, on_timeout="autopilot", default="true")
    return FlowDefinition(name="f", nodes=(NodeDefinition(id="ok", awaits=msgspec.structs.replace(approval, **more)),))


def test_a_question_whose_time_is_up_says_who_answers_and_when() -> None:
    """Law: before its time the autopilot answers then; after it, as soon as somebody goes on with the run."""
    for away_us, told in (
        (2_000_000, "at 2023-11-14 22:13:22 UTC the autopilot answers true (in 2.0 s)"),
        (-2_000_000, "its time was up at 2023-11-14 22:13:18 UTC: the autopilot answers true as soon as somebody goes on with the run"),
    ):  # fmt: skip
        report = run("paused", node("ok", "waiting", attempt(1, "waiting", due_us=NOW_US + away_us), reason="human"))
        assert told in why(report, asks(), "ok").sentences


def test_an_answer_that_the_run_has_not_taken_is_told_instead_of_the_question() -> None:
    """Law: what was answered, by whom and when; nobody is asked any more."""
    report = run("paused", node("ok", "waiting", attempt(1, "waiting"), reason="human"))
    given = Answer(1, 0, -1, 1, "true", 0, "looks good", "ann", 7, NOW_US)
    assert why(report, asks(), "ok", answers={0: given}).sentences == (
        "it has its answer: true, of ann (process 7) at 2023-11-14 22:13:20 UTC: looks good",
        "the run has not taken it yet: whoever goes on with the run does",
        "the run is paused: nothing starts",
    )


def test_what_stopped_the_run_is_named_for_what_was_skipped_or_cancelled_by_it() -> None:
    """Law: the reason of the row, and the failure behind it."""
    report = run(
        "failed",
        node("a", "failed", attempt(1, "failed", BROKEN)),
        node("b", "skipped", reason="run stopped"),
        node("c", "cancelled", attempt(1, "cancelled", reason="run stopped"), reason="run stopped"),
        node("d", "skipped"),
    )
    definition = flow(("a", ""), ("b", ""), ("c", ""), ("d", ""))
    for node_id, sentence in (
        ("b", "it was skipped: run stopped"),
        ("c", "it was running when it was cancelled: run stopped"),
        ("d", "it never began: the run ended before"),
    ):
        found = why(report, definition, node_id)
        assert found.sentences[0] == sentence
        assert [cause.node_id for cause in found.causes] == ["a"]


@pytest.mark.parametrize(
    ("reason", "part"),
    [("poison", "again and again"), ("interrupted", "at most once"), ("other", "it is parked: other")],
)
def test_parked_work_says_why_and_how_to_release_it(reason, part) -> None:
    """Law: `retry` is what releases it."""
    parked = node("a", "waiting", attempt(1, "interrupted", reason="its process died"), attempt(2, "waiting"), reason=reason)  # fmt: skip
    found = why(run("paused", parked), flow(("a", "")), "a")
    assert part in found.sentences[0]
    assert "attempt 1 was cut off (its process died)" in found.sentences
    assert "`retry` of its run releases it, with a fresh set of tries" in found.sentences
    assert found.next_verb == ("retry" if reason in ("poison", "interrupted") else "resume")


def test_the_limit_is_named_when_it_holds_a_node_back() -> None:
    """Law: places taken, and the option that sets them; else it is free to start."""
    rows = (node("a", "running", attempt(1, "running")), node("b", "ready", attempt(1, "ready")))
    definition = flow(("a", ""), ("b", ""), max_parallel_nodes=1)
    assert why(run("running", *rows), definition, "b").sentences == (
        "it is held by the limit: 1 of 1 place taken (max_parallel_nodes)",
    )
    one_by_one = flow(("a", ""), ("b", ""), enable_parallel_execution=False)
    assert "enable_parallel_execution: false" in why(run("running", *rows), one_by_one, "b").sentences[0]
    assert "1 of 2 places" in why(run("running", *rows), flow(("a", ""), ("b", ""), max_parallel_nodes=2), "b").sentences[0]  # fmt: skip


def test_a_run_that_does_not_go_on_says_so() -> None:
    """Law: paused, or its process is gone, and what to type."""
    rows = (node("a", "running", attempt(1, "running")),)
    stranded = why(run("running", *rows), flow(("a", "")), "a", is_stranded=True)
    assert (stranded.run_state, stranded.next_verb) == ("interrupted", "resume")
    assert "was lost with its process" in stranded.sentences[0]
    paused = run("paused", node("a", "failed", attempt(1, "failed", BROKEN)))
    found = why(paused, flow(("a", ""), ("b", "a"), on_failure="pause"), "b")
    assert found.sentences[0] == "it waits for 'a' (failed)"
    assert "the run is paused: nothing starts" in found.sentences
    assert found.next_verb == "resume"


def test_a_map_counts_its_items_and_names_those_that_matter() -> None:
    """Law: a thousand items are one sentence; what failed or still runs is listed."""
    items = [node("m", "succeeded", attempt(1, "succeeded"), key=str(at)) for at in range(3)]
    items += [node("m", "running", attempt(1, "running"), key="3")]
    found = why(run("running", node("m", "running", attempt(1, "running"), size=6), *items), flow(("m", "")), "m")
    assert found.sentences == ("its map has 6 items: 2 pending, 1 running, 3 succeeded",)
    assert [cause.invocation_key for cause in found.causes] == ["3"]
    assert why(run("running", *items), flow(("m", "")), "m", "2").state == "succeeded"


def test_success_says_which_attempt_or_that_it_was_found() -> None:
    """Law: the attempt and its time; of a cached one, its reason."""
    done = attempt(2, "succeeded", finished_us=NOW_US)
    found = why(run("succeeded", node("a", "succeeded", attempt(1, "failed", BROKEN), done)), flow(("a", "")), "a")
    assert found.sentences == (
        "it succeeded in attempt 2, which took 3.0 s",
        "attempt 1 failed with ValueError: no such",
    )
    assert found.next_verb == ""
    assert cached_by("cached: 12ab of run x") == "its output was not computed but found: cached: 12ab of run x"
    assert cached_by(None) == cached_by("retry") == ""


def test_an_unknown_node_or_item_names_the_nearest() -> None:
    """Law: a typo costs one look."""
    report = run(
        "running", *(node("measure", "succeeded", attempt(1, "succeeded"), key=key) for key in ("red", "blue"))
    )
    definition = flow(("measure", ""))
    with pytest.raises(UnknownNode, match="no node 'mesure'; did you mean 'measure'"):
        why(report, definition, "mesure")
    with pytest.raises(UnknownNode, match="no item 'bleu'; did you mean 'blue'"):
        why(report, definition, "measure", "bleu")
    with pytest.raises(UnknownNode, match="2 items of its map have begun"):
        why(report, definition, "measure", "zzzzzz")
    with pytest.raises(UnknownNode, match="has no items"):
        why(run("running"), definition, "measure", "1")


def test_an_explanation_is_json() -> None:
    """Law: what is printed for people is there for programs."""
    found = why(run("running"), flow(("a", "")), "a")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Explanation) == found
