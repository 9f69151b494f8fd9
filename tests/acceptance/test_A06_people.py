"""A06, people: a run asks, rests, and goes on with the answer, from whatever process it comes and whoever has died."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest

from dagger_actors import ActorSystem, HookEvent, PauseRun, Report
from dagger_actors.core.protocols import Write
from dagger_actors.errors import AlreadyAnswered, AnswerMisfit, NotAsked, RequestError, RunNotFound, UnknownNode
from dagger_actors.flow.definition import FlowDefinition
from dagger_actors.flow.running.people import People
from dagger_actors.flow.stored import stored_runs
from dagger_actors.testing import explore
from dagger_actors.testing.simulation import Simulation

YES = True
DRAFTED: list[str] = []


def draft() -> str:
    DRAFTED.append("draft")
    return "a letter"


def ship(text: str, ok: Any) -> dict[str, Any]:
    return {"text": text, "ok": ok}


def flow(**approval: Any) -> dict[str, Any]:
    return {
        "name": "letters",
        "nodes": [
            {"id": "draft", "action": "draft"},
            {"id": "ok", "approval": {"message": "Ship it?", **approval}, "dependencies": ["draft"]},
            {"id": "ship", "action": "ship", "inputs": {"text": "draft", "ok": "ok"}},
        ],
    }


AUTOPILOT = {"timeout_s": 60, "on_timeout": "autopilot", "default": True}
SHIPPED = {"ship": {"text": "a letter", "ok": True}}


def states(report: Report) -> dict[str, str]:
    return {node.node_id: node.state for node in report.nodes}


def rows(sim: Simulation, sql: str) -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(sim.path))) as connection:
        return list(connection.execute(sql))


def worker(sim: Simulation, **options: Any) -> ActorSystem:
    return sim.system(**{"actions": [draft, ship], "recover": True, **options})


def asking(sim: Simulation, **approval: Any) -> ActorSystem:
    """A worker with a run that rests because a person is asked."""
    DRAFTED.clear()
    system = worker(sim)
    report = system.flows.start(flow(**approval), run_id="r").wait()
    assert report.state == "paused"
    assert states(report) == {"draft": "succeeded", "ok": "waiting", "ship": "pending"}
    return system


def test_a_run_rests_while_a_person_is_asked_and_goes_on_with_the_answer(sim: Simulation) -> None:
    """Law: nothing of it is in memory; the answer is its node's output, stored with who gave it and when."""
    system = asking(sim)
    assert not system._hub.active
    (question,) = system.flows.questions("r")
    assert (question.node_id, question.message, question.type, question.due_us) == ("ok", "Ship it?", "bool", None)
    report = system.flows.signal("r", "ok", YES).wait()
    assert report.outputs == SHIPPED
    assert report.nodes[1].reason is not None
    assert report.nodes[1].reason.startswith("answered by ")
    ((value, rejected, user, pid, at),) = rows(sim, "SELECT value, rejected, user, pid, answered_at FROM answers")
    assert (value, rejected) == ("true", 0)
    assert user
    assert pid > 0
    assert at > 0
    assert DRAFTED == ["draft"]
    assert not system.flows.questions("r")


def test_another_process_answers_and_whoever_has_the_code_goes_on(sim: Simulation) -> None:
    """Law: the answer is recorded by who has no code, with no owner alive; the next worker takes the run by itself."""
    sim.kill(asking(sim))
    stranger = sim.system()
    assert stranger.flows.signal("r", "ok", YES).report().state == "paused"
    system = worker(sim)
    sim.advance(2)
    assert system.flows.report("r").outputs == SHIPPED
    assert DRAFTED == ["draft"]


def test_a_worker_that_is_there_hears_the_answer_of_another(sim: Simulation) -> None:
    """Law: it goes on by itself, whoever has answered."""
    system = asking(sim)
    sim.system().flows.signal("r", "ok", YES)
    sim.advance(2)
    assert system.flows.report("r").outputs == SHIPPED


@pytest.mark.parametrize("canceller", ["owner", "stranger", "stranger alone"])
@pytest.mark.parametrize("answerer", ["owner", "stranger"])
def test_where_one_question_is_cancelled_the_answer_to_another_is_taken_all_the_same(
    sim: Simulation, canceller: str, answerer: str
) -> None:
    """Law: a run that rests goes on by itself with the answer, whoever has cancelled the other node, and where."""
    nodes = [
        {"id": "a", "approval": {}},
        {"id": "b", "approval": {}},
        {"id": "d", "action": "draft", "dependencies": ["b"]},
    ]
    system = worker(sim)
    system.flows.start({"name": "f", "config": {"on_failure": "continue"}, "nodes": nodes}, run_id="r").wait()
    if canceller == "stranger alone":
        sim.kill(system)
    (system if canceller == "owner" else sim.system()).flows.cancel("r", node="a")
    if canceller == "stranger alone":
        system = worker(sim)
    sim.advance(2)
    assert system.flows.report("r").state == "paused"
    (system if answerer == "owner" else sim.system()).flows.signal("r", "b", YES)
    sim.advance(3)
    assert states(system.flows.report("r")) == {"a": "cancelled", "b": "succeeded", "d": "succeeded"}


def test_runs_whose_code_is_elsewhere_hide_none(sim: Simulation) -> None:
    """Law: thousands that were answered, or that somebody tells something, and that cannot go on here, keep nobody back."""

    def elsewhere() -> int:
        return 1

    other = sim.system(actions=[elsewhere])
    other.flows.start(
        {"name": "other", "nodes": [{"id": "ok", "approval": {}}, {"id": "n", "action": "elsewhere"}]}, run_id="o"
    ).wait()
    sim.kill(other)
    with closing(apsw.Connection(str(sim.path))) as connection, connection:
        names = [str(row[1]) for row in connection.execute("PRAGMA table_info(flow_runs)")]
        copied = {"run_key": "-at", "run_id": "'o' || at", "asks_until": "0"}
        cells = ", ".join(copied.get(name, name) for name in names)
        connection.execute(
            "WITH RECURSIVE copies(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM copies WHERE at < 2500) "
            f"INSERT INTO flow_runs SELECT {cells} FROM flow_runs, copies WHERE run_id = 'o'"
        )
        connection.execute(
            "INSERT INTO commands (run_key, verb, created_at) SELECT run_key, 'cancel', 0 FROM flow_runs WHERE run_key < 0"
        )
    system = asking(sim)
    sim.system().flows.signal("r", "ok", YES)
    sim.advance(2)
    assert system.flows.report("r").outputs == SHIPPED

    async def slow() -> None:
        await asyncio.sleep(3600)

    run = sim.system(actions=[slow]).flows.start({"name": "slow", "nodes": [{"id": "n", "action": "slow"}]})
    sim.advance(1)
    assert sim.system().flows.cancel(run.id).state == "cancelled"


def test_an_answer_comes_while_other_nodes_run(sim: Simulation) -> None:
    """Law: the run goes on meanwhile, and takes the answer where it is open, here or elsewhere."""
    spec = flow()
    spec["nodes"].append({"id": "slow", "action": "slow"})

    async def slow() -> int:
        await asyncio.sleep(30)
        return 1

    system = worker(sim, actions=[draft, ship, slow])
    system.flows.start(spec, run_id="r")
    sim.advance(1)
    assert system.flows.report("r").state == "running"
    sim.system().flows.signal("r", "ok", YES)
    sim.advance(2)
    assert states(system.flows.report("r")) == {
        "draft": "succeeded",
        "ok": "succeeded",
        "ship": "succeeded",
        "slow": "running",
    }
    assert system.flows.run("r").wait().state == "succeeded"


def test_whenever_a_process_dies_one_answer_is_taken_once() -> None:
    """Law: with a death around each commit the run ends with the first answer, and asks once."""

    def asks(sim: Simulation) -> None:
        def play(system: ActorSystem) -> Report:
            run = system.flows.start(flow(), run_id="r")
            run.wait()
            return system.flows.signal("r", "ok", YES).wait()

        assert sim.keep_going(play, actions=[draft, ship]).outputs == SHIPPED
        assert rows(sim, "SELECT count(*) FROM awaits WHERE answered_at IS NOT NULL") == [(1,)]
        assert rows(sim, "SELECT count(*) FROM node_runs WHERE node_id = 'ok'") == [(1,)]

    assert explore(asks, seeds=2, crash="every_commit").commits > 5


@pytest.mark.parametrize(("approval", "state"), [(AUTOPILOT, "succeeded"), ({"timeout_s": 60}, "paused")])
def test_whenever_a_process_dies_the_time_out_is_kept(approval: dict[str, Any], state: str) -> None:
    """Law: the autopilot proceeds, or the node is parked and takes an answer still; never before its time."""

    def waits(sim: Simulation) -> None:
        def play(system: ActorSystem) -> Report:
            run = system.flows.start(flow(**approval), run_id="r")
            if sim.now_s < 50:
                assert run.wait().state == "paused"
            sim.advance(70)
            report = run.wait()
            assert report.state in (state, "succeeded")
            return system.flows.signal("r", "ok", YES).wait() if report.state == "paused" else report

        report = sim.keep_going(play, actions=[draft, ship], recover=True)
        assert report.outputs == SHIPPED
        assert ("autopilot" in (report.nodes[1].reason or "")) == (state == "succeeded")

    assert explore(waits, seeds=1, crash="every_commit").commits > 5


def test_a_run_that_comes_to_rest_behind_an_answer_is_to_be_looked_at_at_once(sim: Simulation) -> None:
    """Law: an answer that its owner has not seen when it let the run go is not left lying."""
    sim.kill(asking(sim))
    stranger = sim.system()
    hub, commit = stranger._hub, stranger.flows._caller.commit
    run_key = hub.archive.run_key("r")
    rests = Write("flow_runs.rest", ((run_key, 5),), 1)
    commit([rests])
    assert hub.archive.row("r").asks_until == 5
    stranger.flows.signal("r", "ok", YES)
    commit([rests])
    assert hub.archive.row("r").asks_until == 0


def test_a_time_out_fires_when_somebody_comes(sim: Simulation) -> None:
    """Law: a time-out that passed while nobody was there is decided as soon as somebody is."""
    sim.kill(asking(sim, **AUTOPILOT))
    sim.advance(600)
    system = worker(sim)
    sim.advance(1)
    report = system.flows.report("r")
    assert report.outputs == SHIPPED
    assert report.nodes[1].reason == "answered by autopilot: nobody answered in time"
    assert rows(sim, "SELECT source FROM awaits") == [('{"by":"autopilot"}',)]


def test_the_clock_of_a_run_stands_still_while_people_are_awaited(sim: Simulation) -> None:
    """Law: a long wait does not use up timeout_seconds."""
    system = worker(sim)
    system.flows.start({**flow(), "config": {"timeout_seconds": 10}}, run_id="r").wait()
    sim.advance(5_000)
    assert system.flows.signal("r", "ok", YES).wait().outputs == SHIPPED


def test_a_rejection_fails_the_node_with_who_and_why(sim: Simulation) -> None:
    """Law: by its policy, as any failure; a retry asks anew."""
    system = asking(sim)
    report = system.flows.reject("r", "ok", "too long").wait()
    assert report.state == "failed"
    assert report.error is not None
    assert report.error.startswith("ok: Rejected: rejected by ")
    assert report.error.endswith(": too long")
    assert system.flows.retry("r").wait().state == "paused"
    assert system.flows.signal("r", "ok", YES).wait().outputs == SHIPPED
    assert rows(sim, "SELECT rejected FROM answers ORDER BY attempt") == [(1,), (0,)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("int", 7), ("float", 2.5), ("str", "x" * 3000), ("list", [1, 2]), ("dict", {"a": None}), ("any", False)],
)
def test_an_answer_of_each_type_is_the_output(sim: Simulation, kind: str, value: Any) -> None:
    """Law: as it was given; a long one too."""
    system = asking(sim, type=kind)
    report = system.flows.signal("r", "ok", value).wait()
    assert report.outputs == {"ship": {"text": "a letter", "ok": value}}


WRONG: dict[str, tuple[Callable[[ActorSystem], object], type[RequestError], str]] = {
    "run": (lambda system: system.flows.signal("q", "ok", YES), RunNotFound, "no run 'q'"),
    "node": (lambda system: system.flows.signal("r", "okay", YES), UnknownNode, "did you mean 'ok'?"),
    "action": (lambda system: system.flows.signal("r", "draft", YES), NotAsked, "it is no approval"),
    "type": (lambda system: system.flows.signal("r", "ok", 1), AnswerMisfit, "takes an answer of type bool, not int"),
    "early": (lambda system: system.flows.signal("r", "later", YES), NotAsked, "it has not come so far"),
    "reason": (lambda system: system.flows.reject("r", "ok", "x" * 2001), RequestError, "at most 2,000 characters"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_is_refused_and_the_run_is_as_it_was(sim: Simulation, what: str) -> None:
    """Law: each mistake is its own error; nothing is written."""
    act, kind, text = WRONG[what]
    system = worker(sim)
    spec = flow()
    spec["nodes"].append({"id": "later", "approval": {}, "dependencies": ["ship"]})
    before = system.flows.start(spec, run_id="r").wait()
    with pytest.raises(kind) as caught:
        act(system)
    assert text in str(caught.value)
    assert system.flows.report("r") == before
    assert rows(sim, "SELECT count(*) FROM answers") == [(0,)]


def test_one_answer_of_many_asks_for_the_others_at_once(sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a run that is opened for one answer reads its definition once, and looks for all other answers in one go."""
    begun: list[int] = []
    decoded: list[int] = []
    begin, decode = People.begin, stored_runs.DEFINITIONS.decode
    system = worker(sim)
    nodes = [{"id": f"n{at}", "approval": {"message": "?"}} for at in range(200)]
    system.flows.start({"name": "many", "nodes": nodes}, run_id="many").wait()

    def counted(people: People, places: Any, tell: Any) -> None:
        begun.append(len(places))
        begin(people, places, tell)

    def counting(body: bytes) -> FlowDefinition:
        decoded.append(len(body))
        return decode(body)

    monkeypatch.setattr(People, "begin", counted)
    monkeypatch.setattr(stored_runs, "DEFINITIONS", SimpleNamespace(decode=counting))
    system.flows.signal("many", "n7", YES)
    sim.settle()
    assert begun == [200]
    assert len(decoded) <= 1
    report = system.flows.report("many")
    assert (report.state, states(report)["n7"], states(report)["n8"]) == ("paused", "succeeded", "waiting")


def test_the_same_answer_twice_is_the_same_and_another_names_the_first(sim: Simulation) -> None:
    """Law: before it is taken and after."""
    sim.kill(asking(sim, type="str"))
    stranger = sim.system()
    stranger.flows.signal("r", "ok", "yes")
    for _ in range(2):
        stranger.flows.signal("r", "ok", "yes")
        with pytest.raises(AlreadyAnswered, match=r'has its answer: "yes", of .* \(process \d+\) at '):
            stranger.flows.signal("r", "ok", "no")
        with pytest.raises(AlreadyAnswered):
            stranger.flows.reject("r", "ok")
        worker(sim).flows.run("r")
        sim.advance(2)
    assert rows(sim, "SELECT count(*) FROM answers") == [(1,)]


def test_who_comes_after_the_end_is_told_so(sim: Simulation) -> None:
    """Law: nobody is asked in a run that was cancelled, or where the autopilot has answered."""
    system = asking(sim)
    system.flows.cancel("r")
    with pytest.raises(NotAsked, match=r"it is cancelled \(run cancelled\)"):
        system.flows.signal("r", "ok", YES)
    system.flows.start(flow(**AUTOPILOT), run_id="s").wait()
    sim.advance(70)
    with pytest.raises(NotAsked, match=r"it is succeeded \(answered by autopilot"):
        system.flows.signal("s", "ok", YES)


def test_a_run_that_is_paused_for_something_else_keeps_the_answer(sim: Simulation) -> None:
    """Law: an answer takes no pause back; whoever resumes the run finds it."""

    def halt(event: HookEvent) -> PauseRun | None:
        return PauseRun() if event.node_id == "other" else None

    spec = {**flow(), "hooks": {"node_success": "halt"}}
    spec["nodes"] += [{"id": "other", "action": "draft", "dependencies": ["draft"]}]
    system = worker(sim, actions=[draft, ship, halt])
    assert system.flows.start(spec, run_id="r").wait().state == "paused"
    assert system.flows.signal("r", "ok", YES).report().state == "paused"
    sim.advance(5)
    assert system.flows.report("r").state == "paused"
    assert system.flows.resume("r").wait().state == "succeeded"


def test_a_pause_of_a_run_that_rests_holds(sim: Simulation) -> None:
    """Law: once somebody has paused it, an answer is kept, and resume goes on with it."""
    system = asking(sim)
    assert system.flows.pause("r").state == "paused"
    assert system.flows.signal("r", "ok", YES).report().state == "paused"
    sim.advance(5)
    assert system.flows.report("r").state == "paused"
    assert system.flows.resume("r").wait().outputs == SHIPPED


def test_two_who_answer_at_once_are_one_answer(tmp_path: Path) -> None:
    """Law: real threads: one is the first, the other is told who was."""
    with ActorSystem(tmp_path / "a.db", actions=[draft, ship]) as system:
        for at in range(5):
            run = system.flows.start(flow(type="int"), run_id=f"r{at}")
            run.wait(30)
            told: list[object] = []

            def give(value: int, run_id: str = run.id, told: list[object] = told) -> None:
                try:
                    system.flows.signal(run_id, "ok", value)
                    told.append(value)
                except AlreadyAnswered as error:
                    told.append(error)

            threads = [threading.Thread(target=give, args=(value,)) for value in (1, 2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            (first,) = [one for one in told if isinstance(one, int)]
            (refused,) = [one for one in told if isinstance(one, AlreadyAnswered)]
            assert refused.answer == str(first)
            assert run.wait(30).outputs["ship"]["ok"] == first


def test_what_was_cancelled_with_an_answer_it_had_not_taken_asks_anew(sim: Simulation) -> None:
    """Law: an answer is to one question: where that is asked once more, it is to be seen again, and answered again."""
    system = asking(sim)
    system.flows.pause("r")
    system.flows.signal("r", "ok", YES)
    assert not system.flows.questions("r")
    system.flows.cancel("r")
    assert system.flows.retry("r").wait().state == "paused"
    assert [question.node_id for question in system.flows.questions("r")] == ["ok"]
    assert "a person is asked" in str(system.flows.explain("r", "ok"))
    assert system.flows.signal("r", "ok", YES).wait().outputs == SHIPPED
