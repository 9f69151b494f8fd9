"""Why a node is in its state: a pure function of a run's report and its definition, told in sentences.

A node that waits is followed to the roots that hold it up, a skipped one to the failure that it comes from. Everything is
told as the rows say it; nothing is guessed from what the rules would do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from dagger_actors.core.awaits import KINDS
from dagger_actors.core.states import FINAL_NODE
from dagger_actors.core.wording import counted, quoted
from dagger_actors.flow.definition import FlowDefinition, NodeDefinition
from dagger_actors.flow.reports.attempt_wording import (
    answered,
    awaiting,
    cached_by,
    ended,
    history,
    last,
    made,
    moment,
    parked,
    policy,
    running_flow,
    span,
    told_error,
)
from dagger_actors.flow.reports.hindrances import Hindrances
from dagger_actors.flow.reports.origin import Origin
from dagger_actors.flow.reports.questions import Question, questions_inside
from dagger_actors.flow.reports.report import NodeReport, Report
from dagger_actors.flow.reports.standings import NAMED, Standings, names
from dagger_actors.flow.stored.child_runs import child_id
from dagger_actors.flow.stored.given_answers import Answer

__all__ = ["Explanation", "Link", "explain"]

FOLLOWED = 20
"""Nodes an explanation holds besides its own; the rest is counted."""

OPEN = ("running", "waiting", "ready", "interrupted")
STOPPED = "run stopped"
"""Why what goes on ends when a node has failed for good, whose ``on_failure`` is ``stop``."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A node that another one's state comes from."""

    node_id: str
    invocation_key: str
    state: str
    sentence: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why an invocation is in its state.

    Attributes:
        run_id: The run.
        run_state: Its state; ``interrupted`` for a running one whose process is gone.
        node_id: The node.
        invocation_key: The map item's key; empty for the node itself.
        state: Its state.
        place: Where it stands in the graph, as a sentence.
        sentences: Why it is in its state, the nearest reason first.
        causes: What holds a waiting node up, or the chain from a skipped one to the failure it comes from.
        traceback: The user's frames of the last attempt's error, for one that failed; empty when there are none.
        origin: Of a failed node that runs a flow: the node that failed inside, about which there is more to ask.
        next_verb: The command that goes on from here (``retry``, ``resume``, ``cancel``); empty when there is nothing to do.
        next_run: The run that it is given: of a run inside another the one above, as a rule.
    """

    run_id: str
    run_state: str
    node_id: str
    invocation_key: str
    state: str
    place: str
    sentences: tuple[str, ...]
    causes: tuple[Link, ...] = ()
    traceback: str = ""
    origin: Origin | None = None
    next_verb: str = ""
    next_run: str = ""


def explain(
    report: Report,
    definition: FlowDefinition,
    node_id: str,
    key: str = "",
    *,
    now_us: int,
    is_stranded: bool = False,
    is_pausing: bool = False,
    is_left: bool = False,
    questions: Sequence[Question] = (),
    answers: Mapping[int, Answer] | None = None,
    next_run: str = "",
    origin: Origin | None = None,
) -> Explanation:
    """Say why a node of a run is in its state.

    Args:
        report: The run.
        definition: What it is pinned to.
        node_id: The node.
        key: The map item's key; empty for the node itself.
        now_us: The time now, microseconds UTC, for waits.
        is_stranded: The run says ``running`` and its process is gone.
        is_pausing: Nothing more of the run begins, and it pauses when what runs has ended.
        is_left: The run that it is inside of is over, and its process died before it could cancel this one.
        questions: What people are asked in it, and in the runs inside it.
        answers: What people have answered and it has not taken yet, by the positions of its nodes.
        next_run: The run with which whoever goes on from here goes on.
        origin: Where its failure comes from, when that is inside a run of a flow.

    Raises:
        UnknownNode: There is no such node, or no such item; names the nearest.
    """
    hindrances = Hindrances(report, definition.config, is_stranded=is_stranded, is_pausing=is_pausing, is_left=is_left)
    explainer = _Explainer(report, definition, hindrances, now_us, questions, answers or {})
    found = msgspec.structs.replace(explainer.explain(node_id, key), next_run=next_run or report.run_id)
    return found if origin is None else _with_origin(found, origin)


def _with_origin(found: Explanation, origin: Origin) -> Explanation:
    name = f"{origin.node_id}[{origin.invocation_key}]" if origin.invocation_key else origin.node_id
    verb = "timed out" if origin.state == "timed_out" else "failed"
    told = f"it comes from {quoted(name)} in run {quoted(origin.run_id)}, which {verb} with {told_error(origin.error)}"
    return msgspec.structs.replace(
        found,
        sentences=(*found.sentences, told),
        traceback=found.traceback or ("" if origin.error is None else origin.error.traceback),
        origin=origin,
    )


class _Explainer:
    def __init__(
        self,
        report: Report,
        definition: FlowDefinition,
        hindrances: Hindrances,
        now_us: int,
        questions: Sequence[Question],
        answers: Mapping[int, Answer],
    ) -> None:
        self._questions = questions
        self._answers = answers
        self._report = report
        self._standings = Standings(report, definition)
        self._nodes = definition.nodes
        self._hindrances = hindrances
        self._now_us = now_us

    def explain(self, node_id: str, key: str) -> Explanation:
        at = self._standings.position_of(node_id)
        one = self._standings.find(node_id, key)
        sentences, causes = self._why(at, one)
        return Explanation(
            run_id=self._report.run_id,
            run_state=self._hindrances.run_state,
            node_id=node_id,
            invocation_key=key,
            state=one.state,
            place=self._standings.place(at),
            sentences=tuple(sentences),
            causes=tuple(causes),
            traceback=self._traceback(one),
            next_verb=self._hindrances.next_verb(one),
        )

    @staticmethod
    def _traceback(one: NodeReport) -> str:
        error = one.attempts[-1].error if one.attempts and one.state in ("failed", "timed_out") else None
        return "" if error is None else error.traceback

    # --- one state each

    def _why(self, at: int, one: NodeReport) -> tuple[list[str], list[Link]]:
        if one.state in FINAL_NODE:
            return self._whyended(at, one)
        match one.state:
            case "waiting":
                return self._waiting(at, one), []
            case "running":
                return self._running(one), self._links_of_items(one, OPEN)
            case "ready":
                return [*self._hindrances.of_the_limit(), *self._hindrances.told()], []
            case _:
                return self._pending(at)

    def _whyended(self, at: int, one: NodeReport) -> tuple[list[str], list[Link]]:
        why = one.reason or "no reason is recorded"
        match one.state:
            case "succeeded":
                return self._succeeded(one), []
            case "failed" | "timed_out":
                return self._failed(self._nodes[at], one), self._links_of_items(one, ("failed", "timed_out"))
            case "skipped":
                return self._skipped(at, one)
            case "cancelled":
                did = "running" if self._nodes[at].awaits is None else "waiting"
                when = f"it was {did} when it was cancelled" if one.attempts else "it was cancelled before it began"
                return [f"{when}: {why}"], self._culprits() if one.reason == STOPPED else []
            case _:
                text = f"its attempt {last(one).attempt} was cut off ({why}); it is made again"
                return [text, *self._hindrances.told()], []

    def _succeeded(self, one: NodeReport) -> list[str]:
        if cached := cached_by(one.reason):
            return [cached]
        latest = last(one) if one.attempts else None
        if latest is None:
            return ["it succeeded without an attempt"]
        took = span(latest.finished_us - latest.started_us) if latest.finished_us and latest.started_us else ""
        sentences = [f"it succeeded in attempt {latest.attempt}" + (f", which took {took}" if took else "")]
        if one.size is not None:
            sentences.append(self._items_of_a_success(one))
        if one.reason:
            sentences.append(one.reason)
        return [*sentences, *history(one.attempts[:-1])]

    def _items_of_a_success(self, one: NodeReport) -> str:
        if not one.size:
            return "its map is empty"
        others = Counter(item.state for item in self._standings.items(one.node_id) if item.state != "succeeded")
        if not others:
            return f"all succeeded of {counted(one.size, 'item')} of its map"
        told = ", ".join(f"{number} {state}" for state, number in sorted(others.items()))
        return f"{told} of {counted(one.size, 'item')} tolerated, and null in its list"

    def _failed(self, node: NodeDefinition, one: NodeReport) -> list[str]:
        latest = last(one)
        verb = "timed out" if one.state == "timed_out" else "failed"
        tries = sum(attempt.state != "interrupted" for attempt in one.attempts)
        sentences = [f"it {verb} with {told_error(latest.error)}"]
        if one.size is None and not node.has_no_action:
            sentences.append(f"that was try {made(tries, node.retry)}: {policy(node.retry, latest.error, tries)}")
        if node.flow is not None and one.size is None and one.run:
            sentences.append(f"it ran the flow {quoted(node.flow.name)}, as run {quoted(one.run)}, whose nodes say why")
        if len(one.attempts) > 1:
            sentences += history(one.attempts[:-1])
        if not one.invocation_key:
            then = {
                "stop": "the run stops",
                "continue": "what does not depend on it goes on",
                "pause": "the run pauses",
            }
            sentences.append(f"on_failure is {node.on_failure}: {then.get(node.on_failure, '')}")
        return sentences

    def _skipped(self, at: int, one: NodeReport) -> tuple[list[str], list[Link]]:
        if one.reason is None:
            return ["it never began: the run ended before"], self._culprits()
        culprit = self._standings.culprit(at, one.reason)
        if culprit is None:
            return [f"it was skipped: {one.reason}"], self._culprits()
        chain: list[NodeReport] = []
        seen = {at}
        while culprit is not None and culprit not in seen:
            seen.add(culprit)
            found = self._standings.find(self._nodes[culprit].id)
            chain.append(found)
            culprit = self._standings.culprit(culprit, found.reason) if found.state == "skipped" else None
        root = self._link(chain[-1])
        sentences = [f"it was skipped: {one.reason}"]
        if len(chain) > 1:
            sentences.append(f"that goes back to {quoted(root.node_id)}, which {root.sentence}")
        if len(chain) > FOLLOWED:
            sentences.append(f"left out: {counted(len(chain) - FOLLOWED, 'node')} between")
        return sentences, [*(self._link(found) for found in chain[:-1][: FOLLOWED - 1]), root]

    def _waiting(self, at: int, one: NodeReport) -> list[str]:
        node = self._nodes[at]
        latest = last(one)
        if one.reason == "flow":
            inside = self._asked_inside(child_id(self._report.run_id, one.node_id, one.invocation_key))
            return [*running_flow(node, one, self._now_us), *inside, *self._hindrances.told()]
        if one.reason in KINDS:
            answer = self._answers.get(at)
            told = answered(answer) if answer else awaiting(node, self._nodes, latest, self._now_us)
            return [*told, *self._hindrances.told()]
        if one.reason != "retry":
            return [*parked(one), *self._hindrances.told()]
        before = one.attempts[-2] if len(one.attempts) > 1 else None
        sentences = []
        if latest.due_us is not None:
            away = latest.due_us - self._now_us
            due = f"due since {span(-away)}" if away <= 0 else f"due in {span(away)}"
            sentences.append(f"it waits for attempt {latest.attempt}, at {moment(latest.due_us)} ({due})")
        if before is not None:
            tries = sum(attempt.state != "interrupted" for attempt in one.attempts[:-1])
            sentences.append(f"attempt {before.attempt} {ended(before)}")
            sentences.append(f"try {made(tries, node.retry)} is over; {policy(node.retry, None, tries)}")
        return [*sentences, *self._hindrances.told()]

    def _asked_inside(self, run_id: str) -> list[str]:
        """Name the nodes inside at which people are asked."""
        asked = questions_inside(self._questions, run_id)
        told = [
            f"a person is asked at node {quoted(question.node_id)} of run {quoted(question.run_id)}"
            + (f": {question.message}" if question.message else "")
            for question in asked[:NAMED]
        ]
        return told + ([f"... and at {counted(len(asked) - NAMED, 'more node')}"] if len(asked) > NAMED else [])

    def _running(self, one: NodeReport) -> list[str]:
        latest = last(one) if one.attempts else None
        sentences = []
        if one.size is not None:
            tally = Counter(item.state for item in self._standings.items(one.node_id))
            begun = sum(tally.values())
            tally["pending"] += max(0, one.size - begun)
            told = ", ".join(f"{number} {state}" for state, number in sorted(tally.items()) if number)
            sentences.append(f"its map has {counted(one.size, 'item')}: {told}")
            if self._questions:
                sentences += self._asked_inside(child_id(self._report.run_id, one.node_id, ""))
        elif latest is not None and latest.started_us is not None:
            since = f"attempt {latest.attempt} runs since {moment(latest.started_us)}"
            lost = f"attempt {latest.attempt}, begun at {moment(latest.started_us)}, was lost with its process"
            sentences.append(
                lost if self._hindrances.is_stranded else f"{since}, for {span(self._now_us - latest.started_us)}"
            )
            sentences += history(one.attempts[:-1])
        return [*sentences, *self._hindrances.told()]

    def _pending(self, at: int) -> tuple[list[str], list[Link]]:
        open_ones = [on for on in self._nodes[at].dependencies if not self._standings.has_ended(on)]
        if not open_ones:
            held = self._hindrances.told() or ["everything it depends on has ended; it starts next"]
            return [*held, *([] if self._hindrances.told() else self._hindrances.of_the_limit())], []
        states = [f"{quoted(self._nodes[on].id)} ({self._standings.state(on)})" for on in open_ones[:NAMED]]
        more = f" and {len(open_ones) - NAMED} more" if len(open_ones) > NAMED else ""
        roots = self._standings.roots(open_ones)
        links = [self._link(self._standings.find(self._nodes[on].id)) for on in roots[:FOLLOWED]]
        sentences = [f"it waits for {', '.join(states)}{more}"]
        if roots != open_ones:
            sentences.append(f"in the end that is for {names([self._nodes[on].id for on in roots])}")
        return [*sentences, *self._hindrances.told()], links

    # --- words

    def _link(self, one: NodeReport) -> Link:
        return Link(
            node_id=one.node_id, invocation_key=one.invocation_key, state=one.state, sentence=self._in_short(one)
        )

    def _in_short(self, one: NodeReport) -> str:
        """One sentence without its subject; asks of no other node, so that chains are never followed from here."""
        match one.state:
            case "pending":
                return "waits for its turn"
            case "skipped":
                return f"was skipped: {one.reason or 'the run ended before'}"
            case "failed" | "timed_out":
                told = self._failed(self._nodes[self._standings.position[one.node_id]], one)
            case _:
                told = self._why(self._standings.position[one.node_id], one)[0]
        return told[0].removeprefix("it ")

    def _links_of_items(self, one: NodeReport, states: Sequence[str]) -> list[Link]:
        if one.size is None:
            return []
        found = [item for item in self._standings.items(one.node_id) if item.state in states]
        return [self._link(item) for item in found[:FOLLOWED]]

    def _culprits(self) -> list[Link]:
        """The failures that ended the run."""
        found = [one for one in self._report.nodes if one.state in ("failed", "timed_out") and not one.invocation_key]
        return [self._link(one) for one in found[:FOLLOWED]]
