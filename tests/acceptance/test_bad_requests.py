"""Requests that cannot be met: each is its own error that says what to do, and not a row of the file is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import pytest

from dagger_actors import ActorSystem, HookEvent, Secret
from dagger_actors.errors import (
    AlreadyAnswered,
    AnswerMisfit,
    DefinitionError,
    ForkRefused,
    IllegalTransition,
    InvalidInputs,
    NeverRan,
    NodeTransition,
    NotAsked,
    RequestError,
    RunConflict,
    RunNotFound,
    RunOwned,
    UnknownNode,
)
from dagger_actors.flow.verbs.flows import Flows
from dagger_actors.testing.simulation import simulate

YES = True
TYPES = ("int", "float", "str", "bool", "list", "dict", "any")
NO_IDS: tuple[Any, ...] = (None, 5, b"asks", ["asks"], {}, object(), True, "", "asks\x00", "\ud800", "x" * 5000, "none")


def one() -> int:
    return 1


def breaks() -> int:
    raise ValueError("no")


async def stays() -> None:
    await asyncio.Event().wait()


def hears(event: HookEvent) -> None:
    del event


def asks(*nodes: dict[str, Any], first: str = "one", **keys: Any) -> dict[str, Any]:
    """A node, a question, and what comes after it."""
    approval = keys.pop("approval", {"type": "int"})
    ask = {"id": "ask", "approval": approval, "dependencies": ["first"]}
    last = {"id": "last", "action": "one", "dependencies": ["ask"]}
    return {"name": "f", **keys, "nodes": [{"id": "first", "action": first}, ask, last, *nodes]}


def played(system: ActorSystem, advance: Callable[[float], None]) -> None:
    """A run in each state, named for it."""
    flows = system.flows
    flows.start(asks(*({"id": kind, "approval": {"type": kind}} for kind in TYPES)), run_id="asks").wait()
    flows.start(asks(), run_id="succeeded").wait()
    flows.signal("succeeded", "ask", 7).wait()
    flows.start(asks(first="breaks"), run_id="failed").wait()
    flows.start(asks(), run_id="rejected").wait()
    flows.reject("rejected", "ask", "too early").wait()
    flows.start(asks(), run_id="cancelled").wait()
    flows.cancel("cancelled")
    flows.start(
        {"name": "f", "config": {"timeout_seconds": 1}, "nodes": [{"id": "first", "action": "stays"}]}, run_id="late"
    )
    flows.start(asks(approval={"timeout_s": 1, "on_timeout": "autopilot", "default": True}), run_id="autopilot")
    advance(10)
    flows.start(asks(first="stays", hooks={"run_start": "hears"}), run_id="running")
    advance(1)
    states = {run.run_id: run.state for run in flows.runs()}
    assert states == {
        "asks": "paused",
        "succeeded": "succeeded",
        "failed": "failed",
        "rejected": "failed",
        "cancelled": "cancelled",
        "late": "timed_out",
        "autopilot": "succeeded",
        "running": "running",
    }


class World(NamedTuple):
    """A worker that runs all of them, one that has none of their code, and the file."""

    here: Flows
    elsewhere: Flows
    path: Path

    def rows(self) -> dict[str, list[Any]]:
        """Everything in the file, but for who is alive."""
        with closing(apsw.Connection(str(self.path))) as file:
            tables = file.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            names = [name for (name,) in tables if name != "workers"]
            return {name: file.execute(f"SELECT * FROM {name}").fetchall() for name in names}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all of them: what changes nothing leaves it as good as new."""
    with simulate(0, tmp_path_factory.mktemp("world")) as sim:
        system = sim.system(actions=[one, breaks, stays, hears], recover=True)
        played(system, sim.advance)
        yield World(system.flows, sim.system().flows, sim.path)


Act = Callable[[Flows], object]
Request = tuple[Act, type[RequestError], str]


def signal(run: Any, node: Any, value: Any = 1) -> Act:
    return lambda flows: flows.signal(run, node, value)


def fork(run: Any, *nodes: Any, **keys: Any) -> Act:
    return lambda flows: flows.fork(run, **{"start_from": list(nodes), **keys})


def start(flow: Any = None, inputs: Any = None, **keys: Any) -> Act:
    flow = flow or {"name": "g", "inputs": {"n": {"type": "int"}, "any": 1}, "nodes": [{"id": "a", "action": "one"}]}
    return lambda flows: flows.start(flow, inputs, **keys)


REQUESTS: dict[str, Request] = {
    # --- answers
    "of a node that runs code": (signal("asks", "first"), NotAsked, "it is no approval"),
    "too early": (signal("running", "ask"), NotAsked, "it has not come so far"),
    "in a run that was cancelled": (signal("cancelled", "ask"), NotAsked, r"it is cancelled \(run cancelled\)"),
    "in a run that has failed before": (
        signal("failed", "ask"),
        NotAsked,
        r"it is skipped \(dependency 'first' failed\)",
    ),
    "after the autopilot": (signal("autopilot", "ask", YES), NotAsked, r"it is succeeded \(answered by autopilot"),
    "another after the first": (
        signal("succeeded", "ask", 8),
        AlreadyAnswered,
        r"has its answer: 7, of .* \(process \d+\) at 20.* UTC; to ask anew",
    ),
    "an answer after a rejection": (signal("rejected", "ask", 8), AlreadyAnswered, "has its answer: a rejection, of "),
    "a rejection after an answer": (lambda flows: flows.reject("succeeded", "ask"), AlreadyAnswered, "its answer: 7"),
    "text for a number": (
        signal("asks", "int", "7"),
        AnswerMisfit,
        "type int, not str; give one of type int, or reject",
    ),
    "true for a number": (signal("asks", "int", YES), AnswerMisfit, "type int, not bool"),
    "a fraction for a whole number": (signal("asks", "int", 1.5), AnswerMisfit, "type int, not float"),
    "a list for a number": (signal("asks", "float", [1]), AnswerMisfit, "type float, not list"),
    "not a number": (signal("asks", "float", float("nan")), AnswerMisfit, "it holds nan, which JSON has no word for"),
    "a number for text": (signal("asks", "str", 7), AnswerMisfit, "type str, not int"),
    "half a character": (signal("asks", "str", "\ud800"), AnswerMisfit, "a str that cannot be stored"),
    "a number for yes": (signal("asks", "bool", 1), AnswerMisfit, "bool, not int; true approves, false rejects"),
    "a mapping for a list": (signal("asks", "list", {}), AnswerMisfit, "type list, not dict"),
    "a list for a mapping": (signal("asks", "dict", []), AnswerMisfit, "type dict, not list"),
    "a key that is no text": (signal("asks", "dict", {1: 2}), AnswerMisfit, "keys of JSON are text"),
    "an object": (signal("asks", "any", object()), AnswerMisfit, "it holds an object.*; give plain data that JSON has"),
    "bytes": (signal("asks", "any", b"x"), AnswerMisfit, "it holds a bytes"),
    "a number too long": (signal("asks", "any", 10**5000), AnswerMisfit, "an int that cannot be stored"),
    "a million characters": (signal("asks", "any", "x" * 1_000_001), AnswerMisfit, r"at most 1,000,000\); give plain"),
    "a reason that is none": (lambda flows: flows.reject("asks", "int", None), RequestError, "a reason is text of"),  # type: ignore[arg-type]
    "a reason too long": (lambda flows: flows.reject("asks", "int", "x" * 2001), RequestError, "at most 2,000"),
    "half a reason": (lambda flows: flows.reject("asks", "int", "\ud800"), RequestError, r"text .*, not '\\ud800'"),
    # --- pause, resume, retry
    **{
        f"pause of a {run} run": (
            lambda flows, run=run: flows.pause(run),  # type: ignore[misc]
            IllegalTransition,
            f"run {run!r} is {state}, it cannot become paused",
        )
        for run, state in [("succeeded",) * 2, ("failed",) * 2, ("cancelled",) * 2, ("late", "timed_out")]
    },
    **{
        f"resume of a {run} run": (
            lambda flows, run=run: flows.resume(run),  # type: ignore[misc]
            IllegalTransition,
            f"is {state}, it cannot become resumed.*dagger-actors retry {run}",
        )
        for run, state in [("failed",) * 2, ("cancelled",) * 2, ("late", "timed_out")]
    },
    "resume of a running run": (lambda flows: flows.resume("running"), RunOwned, "is being run by process"),
    "retry of a running run": (lambda flows: flows.retry("running"), RunOwned, "is being run by process"),
    "retry from a node that is none": (
        lambda flows: flows.retry("succeeded", start_from=["frist"]),
        UnknownNode,
        "did you mean 'first'",
    ),
    "retry from text": (lambda flows: flows.retry("succeeded", start_from="first"), RequestError, "a list of ids"),
    # --- cancel
    "cancel of a run that is over": (
        lambda flows: flows.cancel("succeeded"),
        IllegalTransition,
        "is succeeded, it cannot become cancelled",
    ),
    "cancel of a node that has ended": (
        lambda flows: flows.cancel("asks", node="first"),
        NodeTransition,
        "node 'first' of run 'asks' is succeeded, it cannot become cancelled",
    ),
    "cancel of a node that never began": (
        lambda flows: flows.cancel("failed", node="last"),
        NodeTransition,
        "'last' of run 'failed' is skipped",
    ),
    "cancel of a node that is none": (lambda flows: flows.cancel("asks", node="lats"), UnknownNode, "mean 'last'"),
    "cancel of a hook": (lambda flows: flows.cancel("running", node="run_start"), RequestError, "is a hook of run"),
    # --- forks
    "fork from a node that never ran": (
        fork("asks", "last"),
        NeverRan,
        "'last' of run 'asks' never ran; fork from one",
    ),
    "fork from a node that never ran, of a run that is over": (fork("failed", "last"), NeverRan, "such as 'first'"),
    "fork from a hook": (fork("running", "run_start"), ForkRefused, "hook"),
    "fork from a node that is none": (fork("asks", "frist"), UnknownNode, "did you mean 'first'"),
    "fork from no node": (fork("asks"), RequestError, "names no node"),
    "fork from text": (fork("asks", start_from="first"), RequestError, "a list of ids of nodes, not 'first'"),
    "fork from a number": (fork("asks", start_from=5), RequestError, "a list of ids of nodes, not 5"),
    "fork from numbers": (fork("asks", 5), RequestError, r"a list of ids of nodes, not \[5\]"),
    "fork with an input too many": (fork("asks", "first", inputs={"x": 1}), InvalidInputs, "there is no input 'x'"),
    "fork with inputs that are none": (
        fork("asks", "first", inputs=5),
        InvalidInputs,
        "a mapping of names, not an int",
    ),
    "fork as a run that there is": (fork("asks", "first", run_id="failed"), RunConflict, "failed"),
    "fork as no run": (fork("asks", "first", run_id=""), RequestError, "a run id is 1 to 200 printable"),
    # --- starts
    "start of nothing": (lambda flows: flows.start(None), RequestError, "a flow is a path, a name, data"),  # type: ignore[arg-type]
    "start of a number": (start(5), RequestError, "a flow is a path, a name, data, or one built in Python, not 5"),
    "start of bytes": (start(b"flow.yaml"), RequestError, "a flow is a path"),
    "start with inputs that are none": (start(inputs=5), InvalidInputs, "inputs are a mapping of names, not an int"),
    "start with text as inputs": (start(inputs="n"), InvalidInputs, "inputs are a mapping of names, not a str"),
    "start with an input too few": (start(inputs={}), InvalidInputs, r"the input 'n' \(int\) is missing"),
    "start with an input of another type": (start(inputs={"n": "x"}), InvalidInputs, "'n' must be int, not str"),
    "start with an object": (start(inputs={"n": 1, "any": object()}), InvalidInputs, "'any' cannot be stored"),
    "start with a secret": (start(inputs={"n": 1, "any": Secret.env("X")}), InvalidInputs, "'any' takes no secret"),
    "start as no run": (start(inputs={"n": 1}, run_id=5), RequestError, "a run id is 1 to 200 printable"),
    "start as another's run": (start(inputs={"n": 1}, run_id="asks"), RunConflict, "asks"),
    "start with no room": (start(inputs={"n": 1}, parallel=0), RequestError, "parallel"),
    "start with room that is none": (start(inputs={"n": 1}, parallel="x"), RequestError, "parallel"),
}
WITHOUT_CODE = ("start", "fork", "retry", "resume")
"""Verbs that say first that the code is not there."""


@pytest.mark.parametrize("what", REQUESTS)
def test_what_cannot_be_is_refused_and_not_a_row_is_changed(world: World, what: str) -> None:
    """Law: the error is of its own kind and says what is, whoever asks: the worker that runs the run, or another."""
    act, kind, message = REQUESTS[what]
    before = world.rows()
    for flows in (world.here, world.elsewhere):
        expected: Any = (kind, DefinitionError) if flows is world.elsewhere and what.startswith(WITHOUT_CODE) else kind
        with pytest.raises(expected) as caught:
            act(flows)
        if not isinstance(caught.value, DefinitionError):
            caught.match(message)
        assert world.rows() == before


OF_RUNS: dict[str, Callable[[Flows, Any], object]] = {
    "signal": lambda flows, run: flows.signal(run, "ask", 1),
    "reject": lambda flows, run: flows.reject(run, "ask"),
    "questions": lambda flows, run: flows.questions("" if run is None else run),
    "pause": Flows.pause,
    "resume": Flows.resume,
    "retry": Flows.retry,
    "cancel": Flows.cancel,
    "cancel of a node": lambda flows, run: flows.cancel(run, node="ask"),
    "fork": lambda flows, run: flows.fork(run, start_from=["first"]),
    "report": Flows.report,
    "run": Flows.run,
    "explain": lambda flows, run: flows.explain(run, "first"),
    "logs": Flows.logs,
    "events": Flows.events,
    "definition": Flows.definition,
    "has_news": Flows.has_news,
}
OF_NODES: dict[str, Callable[[Flows, Any], object]] = {
    "signal": lambda flows, node: flows.signal("asks", node, 1),
    "reject": lambda flows, node: flows.reject("asks", node),
    "cancel": lambda flows, node: flows.cancel("asks", node=node or ""),
    "explain": lambda flows, node: flows.explain("asks", node),
}


@pytest.mark.parametrize("verb", OF_RUNS)
def test_what_is_no_id_of_a_run_is_that_of_none(world: World, verb: str) -> None:
    """Law: whatever Python has, and text that no id can be: there is no such run."""
    before = world.rows()
    for given in NO_IDS:
        with pytest.raises(RunNotFound, match="no run "):
            OF_RUNS[verb](world.here, given)
    assert world.rows() == before


@pytest.mark.parametrize("verb", OF_NODES)
def test_what_is_no_id_of_a_node_is_that_of_none(world: World, verb: str) -> None:
    """Law: the same of nodes."""
    before = world.rows()
    for given in NO_IDS:
        with pytest.raises(UnknownNode, match="has no node "):
            OF_NODES[verb](world.here, given)
    assert world.rows() == before


def test_what_has_been_said_already_is_no_mistake_and_changes_nothing(world: World) -> None:
    """Law: the same answer, rejection or cancel twice is once, and a resume of a run that has succeeded is its report."""
    before = world.rows()
    for flows in (world.here, world.elsewhere):
        assert flows.signal("succeeded", "ask", 7).report().state == "succeeded"
        assert flows.reject("rejected", "ask").report().state == "failed"
        assert flows.cancel("cancelled").state == "cancelled"
        assert flows.cancel("cancelled", node="ask").state == "cancelled"
        assert flows.resume("succeeded").report().state == "succeeded"
        assert flows.retry("succeeded").report().state == "succeeded"
    assert world.rows() == before
