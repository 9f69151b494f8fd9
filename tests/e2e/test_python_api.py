"""The Python API on real threads: start, wait, await, cancel, report, resume, retry; inputs, outputs, Context."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import logging
import math
import os
import threading
import time
import types
from pathlib import Path
from typing import Any, ClassVar

import apsw
import msgspec
import pytest

from dagger_actors import (
    ActorSystem,
    ArtifactRef,
    Context,
    DefinitionError,
    InvalidInputs,
    RunCancelled,
    RunConflict,
    RunFailed,
    RunNotFound,
    RunOwned,
    action,
)
from dagger_actors.actors.gate import Gate
from dagger_actors.errors import BlockingCall, IllegalTransition, RequestError, SystemClosed

SAVE = "ctx.save(name, data, media_type=...)"
PATIENCE_S = 30


@action
def double(number: int) -> int:
    return number * 2


@action
def fails() -> None:
    raise ValueError("on purpose")


@action
async def later(number: int) -> int:
    await asyncio.sleep(0)
    return number + 1


@pytest.fixture
def actions():
    return (double, fails, later)


DOUBLE = {
    "name": "double",
    "inputs": {"number": {"type": "int", "default": 21}},
    "nodes": [{"id": "double", "action": "double", "inputs": {"number": "inputs.number"}}],
}
FAILS = {"name": "fails", "nodes": [{"id": "bad", "action": "fails"}]}


def one_node(name: str, **keys: Any) -> dict[str, Any]:
    return {"name": "one", "nodes": [{"id": "node", "action": name, **keys}]}


class TestStartingAndWaiting:
    def test_start_gives_a_handle_and_result_the_outputs(self, system: ActorSystem) -> None:
        """Law: without `outputs`, a run's result is what its sinks gave, by id."""
        run = system.flows.start(DOUBLE, inputs={"number": 4})
        assert run.result(timeout=PATIENCE_S) == {"double": 8}
        assert run.id in repr(run)
        assert system.flows.run(run.id).result() == {"double": 8}

    def test_a_run_is_in_the_file_when_start_returns(self, system: ActorSystem, open_system) -> None:
        """Law: another system on the file knows the run at once."""
        run = system.flows.start(DOUBLE)
        assert open_system(recover=False).flows.report(run.id).flow_name == "double"

    def test_wait_gives_the_report_whatever_the_end(self, system: ActorSystem) -> None:
        """Law: wait raises nothing for a run that failed; result raises, and carries the same report."""
        run = system.flows.start(FAILS)
        report = run.wait(timeout=PATIENCE_S)
        assert (report.state, report.outputs) == ("failed", {})
        with pytest.raises(RunFailed, match=r"bad: .*on purpose") as caught:
            run.result()
        assert caught.value.report == report == run.report() == system.flows.report(run.id)

    def test_an_error_is_kept_with_its_users_frames_only(self, system: ActorSystem) -> None:
        """Law: the traceback names this file and the line's function, nothing of the package."""
        (node,) = system.flows.start(FAILS).wait(PATIENCE_S).nodes
        error = node.attempts[0].error
        assert error is not None
        assert (error.type, error.message) == ("builtins.ValueError", "on purpose")
        assert __file__ in error.traceback
        assert "in fails" in error.traceback
        assert "node.py" not in error.traceback

    def test_a_wait_that_times_out_leaves_the_run_alone(self, open_system, diary) -> None:
        """Law: the builtin TimeoutError; the run goes on."""
        go = threading.Event()

        def waits() -> str:
            go.wait()
            return "done"

        run = open_system(waits).flows.start(one_node("waits"))
        for wait in (run.wait, run.result):
            with pytest.raises(TimeoutError):
                wait(timeout=0.02)
        go.set()
        assert run.result(timeout=PATIENCE_S) == {"node": "done"}

    def test_many_may_wait_for_one_run(self, open_system) -> None:
        """Law: any number of handles and threads watch one run."""
        go = threading.Event()

        def waits() -> str:
            go.wait()
            return "done"

        system = open_system(waits)
        run = system.flows.start(one_node("waits"))
        results: list[Any] = []
        threads = [
            threading.Thread(target=lambda: results.append(system.flows.run(run.id).result(timeout=PATIENCE_S)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        go.set()
        for thread in threads:
            thread.join()
        assert results == [{"node": "done"}] * 8

    def test_a_system_that_only_watches_waits_for_anothers_run(self, open_system) -> None:
        """Law: wait and result work from any system on the file; its owner keeps the run."""
        go = threading.Event()

        def waits() -> str:
            go.wait()
            return "done"

        run = open_system(waits).flows.start(one_node("waits"))
        other = open_system(recover=False)
        with pytest.raises(TimeoutError, match=f"{run.id}.*still runs after 0.05 s"):
            other.flows.run(run.id).wait(timeout=0.05)
        go.set()
        assert other.flows.run(run.id).result(timeout=PATIENCE_S) == {"node": "done"}

    def test_runs_are_listed_newest_first(self, system: ActorSystem) -> None:
        """Law: a list holds what a person asks first: id, flow, state, error."""
        first, second = system.flows.start(DOUBLE), system.flows.start(FAILS)
        first.wait(PATIENCE_S)
        second.wait(PATIENCE_S)
        assert [(run.run_id, run.flow_name, run.state) for run in system.flows.runs()] == [
            (second.id, "fails", "failed"),
            (first.id, "double", "succeeded"),
        ]
        assert [run.run_id for run in system.flows.runs(limit=1)] == [second.id]
        assert "on purpose" in (system.flows.runs()[0].error or "")

    def test_unknown_runs_are_named(self, system: ActorSystem) -> None:
        """Law: every verb on a run that is not there says so."""
        for verb in (
            system.flows.run,
            system.flows.report,
            system.flows.resume,
            system.flows.retry,
            system.flows.cancel,
        ):
            with pytest.raises(RunNotFound, match=r"'nobody'.*runs\.db"):
                verb("nobody")

    def test_a_system_says_why_too(self, system: ActorSystem) -> None:
        """Law: what `why` prints is there as data, of a node and of an item of a map."""
        node = {"id": "each", "action": "double", "map": {"over": "inputs.numbers", "item": "number"}}
        run = system.flows.start({"name": "map", "inputs": {"numbers": [1, 2]}, "nodes": [node]})
        report = run.wait(PATIENCE_S)
        assert {one.invocation_key: one.size for one in report.nodes} == {"": 2, "0": None, "1": None}
        whole, item = system.flows.explain(run.id, "each"), system.flows.explain(run.id, "each", "1")
        assert [(one.node_id, one.invocation_key, one.state) for one in (whole, item)] == [
            ("each", "", "succeeded"),
            ("each", "1", "succeeded"),
        ]
        assert "attempt 1" in item.sentences[0]


class TestRunIds:
    def test_the_same_id_twice_is_one_run(self, open_system, diary) -> None:
        """Law: starting again what runs, or has ended, gives the run that is there; nothing is done twice."""

        def work(number: int) -> int:
            diary.note("work")
            return number

        system = open_system(work)
        spec = {**one_node("work"), "inputs": {"number": 1}}
        first = system.flows.start(spec, run_id="mine")
        again = system.flows.start(spec, {"number": 1}, run_id="mine")
        assert first.id == again.id == "mine"
        assert first.result(PATIENCE_S) == again.result(PATIENCE_S) == {"node": 1}
        assert system.flows.start(spec, run_id="mine").result() == {"node": 1}
        assert diary.notes == ["work"]
        assert len(system.flows.runs()) == 1

    @pytest.mark.parametrize(
        ("spec", "inputs", "difference"),
        [
            (DOUBLE, {"number": 2}, "other inputs"),
            ({**DOUBLE, "description": "another"}, {}, "another definition"),
            (FAILS, {}, "another definition"),
        ],
    )
    def test_the_same_id_for_other_work_is_a_conflict(
        self, system: ActorSystem, spec: Any, inputs: Any, difference: str
    ) -> None:
        """Law: the error names the id and what differs."""
        system.flows.start(DOUBLE, run_id="mine").wait(PATIENCE_S)
        with pytest.raises(RunConflict, match=f"'mine' exists already with {difference}"):
            system.flows.start(spec, inputs, run_id="mine")

    def test_another_systems_live_run_is_not_taken(self, system: ActorSystem, open_system) -> None:
        """Law: the same work, run by another live system, is an error that names its process."""
        go = threading.Event()

        def waits() -> None:
            go.wait()

        run = open_system(waits).flows.start(one_node("waits"), run_id="mine")
        with pytest.raises(RunOwned, match=f"process {os.getpid()}"):
            open_system(waits).flows.start(one_node("waits"), run_id="mine")
        go.set()
        assert run.wait(PATIENCE_S).state == "succeeded"

    @pytest.mark.parametrize("run_id", ["", "a\nb", "x" * 201, "nul\0"])
    def test_ids_that_cannot_be_typed_are_refused(self, system: ActorSystem, run_id: str) -> None:
        """Law: a run id is 1 to 200 printable characters."""
        with pytest.raises(RequestError, match="1 to 200 printable"):
            system.flows.start(DOUBLE, run_id=run_id)

    @pytest.mark.parametrize("run_id", ["a b", "ü-ö", "x" * 200, "; DROP TABLE flow_runs", "'"])
    def test_others_are_taken_as_they_are(self, system: ActorSystem, run_id: str) -> None:
        """Law: a run id is text, not syntax."""
        assert system.flows.start(DOUBLE, run_id=run_id).wait(PATIENCE_S).run_id == run_id

    def test_made_ids_are_unique_and_sort_by_time(self, system: ActorSystem) -> None:
        """Law: a later millisecond gives a larger id."""
        ids = []
        for _ in range(5):
            ids.append(system.flows.start(DOUBLE).id)
            before = time.time_ns() // 1_000_000
            while time.time_ns() // 1_000_000 == before:
                pass
        assert ids == sorted(set(ids))


class TestInputs:
    SPEC: ClassVar = {
        "name": "typed",
        "inputs": {
            "count": {"type": "int"},
            "ratio": {"type": "float", "default": 0.5},
            "names": {"type": "list", "default": []},
        },
        "nodes": [{"id": "n", "action": "double", "inputs": {"number": "inputs.count"}}],
    }

    @pytest.mark.parametrize(
        ("inputs", "text"),
        [
            ({}, "flow 'typed' cannot start: the input 'count' (int) is missing"),
            ({"count": "1"}, "'count' must be int"),
            ({"count": True}, "'count' must be int"),
            ({"count": 1.5}, "'count' must be int"),
            ({"count": 1, "names": "a"}, "'names' must be list"),
            ({"count": 1, "ratio": math.nan}, "'ratio'"),
            ({"count": 1, "cuont": 1}, "there is no input 'cuont'; did you mean 'count'?"),
            ({"count": 1, "zzz": 1}, "there is no input 'zzz'; it takes count, ratio, names"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_starts(self, system: ActorSystem, inputs: Any, text: str) -> None:
        """Law: the sentence names the flow, the input and what it takes."""
        with pytest.raises(InvalidInputs) as caught:
            system.flows.start(self.SPEC, inputs)
        assert text in str(caught.value).replace("the input 'count' must", "'count' must")
        assert system.flows.runs() == []

    def test_all_complaints_come_at_once(self, system: ActorSystem) -> None:
        """Law: one error, one sentence for each fault."""
        with pytest.raises(InvalidInputs) as caught:
            system.flows.start(self.SPEC, {"ratio": "x", "other": 1})
        assert len(caught.value.complaints) == 3

    def test_an_int_is_a_float_and_a_tuple_a_list(self, system: ActorSystem) -> None:
        """Law: what JSON would accept is accepted."""
        report = system.flows.start(self.SPEC, {"count": 1, "ratio": 1, "names": ("a", "b")}).wait(PATIENCE_S)
        assert report.inputs == {"count": 1, "ratio": 1, "names": ["a", "b"]}

    def test_without_declared_inputs_references_declare_them(self, system: ActorSystem) -> None:
        """Law: `inputs.K` without an `inputs` key is a required input of any type."""
        spec = one_node("double", inputs={"number": "inputs.n"})
        with pytest.raises(InvalidInputs, match=r"'n' \(any\) is missing"):
            system.flows.start(spec)
        assert system.flows.start(spec, {"n": 3}).result(PATIENCE_S) == {"node": 6}


class TestDefinitions:
    def test_a_loaded_flow_starts_by_its_name(self, system: ActorSystem, tmp_path: Path) -> None:
        """Law: load checks and holds; start takes a name or a path."""
        path = tmp_path / "flow.yaml"
        path.write_text(msgspec.json.encode(DOUBLE).decode())
        assert system.flows.load(path).name == "double"
        assert system.flows.start("double", {"number": 1}).result(PATIENCE_S) == {"double": 2}
        assert system.flows.start(path).result(PATIENCE_S) == {"double": 42}
        assert system.flows.start(str(path)).result(PATIENCE_S) == {"double": 42}

    def test_what_cannot_run_is_refused_before_there_is_a_run(self, system: ActorSystem) -> None:
        """Law: an unknown action names the nearest one."""
        with pytest.raises(DefinitionError, match="unknown action 'doubel'") as caught:
            system.flows.start(one_node("doubel"))
        assert "'double'" in str(caught.value)
        assert system.flows.runs() == []

    def test_actions_come_from_modules_and_files_too(self, tmp_path: Path, open_system, monkeypatch) -> None:
        """Law: actions=[module], imports=["file.py"] and the file's own `actions:` give the same."""
        (tmp_path / "found.py").write_text(
            "from dagger_actors import action\n@action\ndef found() -> str:\n    return 'f'\n"
        )
        module = types.ModuleType("mine")
        module.__dict__["double"] = double
        monkeypatch.chdir(tmp_path)
        assert open_system(module).flows.start(DOUBLE).result(PATIENCE_S) == {"double": 42}
        spec = one_node("found")
        assert open_system(imports=["found.py"]).flows.start(spec).result(PATIENCE_S) == {"node": "f"}
        spec["actions"] = ["found.py:found"]
        assert open_system().flows.start(spec).result(PATIENCE_S) == {"node": "f"}


class TestOnALoop:
    def test_await_gives_the_outputs(self, open_system, actions) -> None:
        """Law: `await run` is `run.result()`; `await_report` is `wait`; the a-verbs are the verbs."""

        async def main() -> None:
            async with open_system(*actions) as system:
                run = await system.flows.astart(DOUBLE, {"number": 5})
                assert await run == {"double": 10}
                assert (await run.await_report()).state == "succeeded"
                failing = await system.flows.astart(FAILS, run_id="bad")
                with pytest.raises(RunFailed, match="on purpose"):
                    await failing
                with pytest.raises(RunFailed):
                    await (await system.flows.aretry("bad"))
                assert len((await failing.await_report()).nodes[0].attempts) == 2
                assert await asyncio.gather(*[await system.flows.astart(DOUBLE, {"number": n}) for n in range(5)]) == [
                    {"double": n * 2} for n in range(5)
                ]

        asyncio.run(main())

    def test_cancelling_the_awaiter_cancels_nothing(self, open_system) -> None:
        """Law: awaiting only watches."""
        go = threading.Event()

        def waits() -> str:
            go.wait()
            return "done"

        async def main() -> None:
            async with open_system(waits) as system:
                run = await system.flows.astart(one_node("waits"))
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(run, 0.02)
                assert run.report().state in ("pending", "running")
                go.set()
                assert await run == {"node": "done"}

        asyncio.run(main())

    def test_acancel(self, open_system) -> None:
        """Law: the awaiter gets RunCancelled."""

        async def forever() -> None:
            await asyncio.Event().wait()

        async def main() -> None:
            async with open_system(forever) as system:
                run = await system.flows.astart(one_node("forever"))
                waiter = asyncio.ensure_future(run)
                await asyncio.sleep(0)
                assert (await run.acancel()).state == "cancelled"
                with pytest.raises(RunCancelled):
                    await waiter
                other = await system.flows.astart(one_node("forever"))
                assert (await system.flows.acancel(other.id)).state == "cancelled"
                assert (await other.await_report()).state == "cancelled"

        asyncio.run(main())

    def test_blocking_verbs_are_refused_with_the_verb_to_use(self, system: ActorSystem) -> None:
        """Law: nothing blocks a running loop silently."""
        run = system.flows.start(DOUBLE)
        run.wait(PATIENCE_S)

        async def main() -> None:
            calls = {
                r"flows.start\(\) would block.*await flows.astart\(": lambda: system.flows.start(DOUBLE),
                r"flows.resume\(\) would block.*await flows.aresume\(": lambda: system.flows.resume(run.id),
                r"flows.retry\(\) would block.*await flows.aretry\(": lambda: system.flows.retry(run.id),
                r"flows.cancel\(\) would block.*await flows.acancel\(": lambda: system.flows.cancel(run.id),
            }
            for text, call in calls.items():
                with pytest.raises(BlockingCall, match=text):
                    call()

        asyncio.run(main())

    def test_waiting_for_a_run_is_refused_while_it_goes_on(self) -> None:
        """Law: a wait that would block the loop is refused; a run that has ended needs no waiting, as in a notebook."""

        gate = threading.Event()

        @action
        def held() -> int:
            gate.wait(PATIENCE_S)
            return 1

        async def main(system: ActorSystem) -> None:
            run = await system.flows.astart(one_node("held"))
            with pytest.raises(BlockingCall, match=r"run.wait\(\) would block.*await run.await_report\(\)"):
                run.wait()
            with pytest.raises(BlockingCall, match=r"run.result\(\) would block.*`await run`"):
                run.result()
            gate.set()
            assert await run == run.result()

        with ActorSystem(actions=[held]) as system:
            asyncio.run(main(system))


class TestSystems:
    def test_without_a_path_the_database_is_temporary(self) -> None:
        """Law: a file while the system is open, nothing afterwards."""
        with ActorSystem(actions=[double]) as system:
            assert system.flows.start(DOUBLE).result(PATIENCE_S) == {"double": 42}
            assert system.path.exists()
            folder = system.path.parent
        assert not folder.exists()

    def test_with_a_path_the_runs_stay(self, tmp_path: Path) -> None:
        """Law: what was done is there for the next system, that knows no action."""
        with ActorSystem(tmp_path / "kept.db", actions=[double]) as system:
            run = system.flows.start(DOUBLE)
            report = run.wait(PATIENCE_S)
        with ActorSystem(tmp_path / "kept.db") as system:
            assert system.flows.report(run.id) == report
            assert system.flows.run(run.id).result() == {"double": 42}

    def test_two_systems_on_one_file_run_side_by_side(self, open_system, actions) -> None:
        """Law: each owns its runs; both see all."""
        first, second = open_system(*actions), open_system(*actions)
        runs = [one.flows.start(DOUBLE, {"number": n}) for n, one in enumerate((first, second) * 10)]
        assert [run.result(PATIENCE_S) for run in runs] == [{"double": n * 2} for n in range(20)]
        assert {run.run_id for run in first.flows.runs()} == {run.id for run in runs}
        assert first.flows.runs() == second.flows.runs()

    def test_a_system_opens_while_another_thread_of_the_process_is_in_a_transaction(
        self, open_system, actions, tmp_path: Path
    ) -> None:
        """Law: waiting for the write lock never keeps the GIL, so the thread that holds the lock gets on."""
        open_system(*actions)
        is_in, spans = threading.Event(), list[float]()

        def write() -> None:
            connection = apsw.Connection(str(tmp_path / "runs.db"))
            connection.set_busy_timeout(5000)
            connection.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            is_in.set()
            threading.Event().wait(0.05)
            connection.execute("COMMIT")
            spans.append(time.monotonic() - began)
            connection.close()

        writer = threading.Thread(target=write)
        writer.start()
        assert is_in.wait(PATIENCE_S)
        assert open_system(*actions).flows.start(DOUBLE).result(PATIENCE_S) == {"double": 42}
        writer.join()
        assert max(spans) < 4

    def test_two_systems_on_two_files_know_nothing_of_one_another(self, open_system, actions, tmp_path: Path) -> None:
        """Law: systems of one process are independent, the stop of one included."""
        first, second = open_system(*actions), open_system(*actions, db=tmp_path / "other.db")
        run = first.flows.start(DOUBLE, run_id="same")
        assert run.result(PATIENCE_S) == {"double": 42}
        first.stop()
        with pytest.raises(RunNotFound):
            second.flows.run("same")
        assert second.flows.start(FAILS, run_id="same").wait(PATIENCE_S).state == "failed"

    def test_a_left_system_takes_nothing_new(self, open_system, actions) -> None:
        """Law: SystemClosed for new work; stopping twice is stopping once."""
        system = open_system(*actions)
        system.stop()
        system.stop()
        for verb in (
            lambda: system.flows.start(DOUBLE),
            lambda: system.flows.resume("x"),
            lambda: system.flows.retry("x"),
        ):
            with pytest.raises(SystemClosed, match="open another one"):
                verb()

    def test_leaving_gives_running_bodies_their_grace(self, open_system, diary, monkeypatch) -> None:
        """Law: a body that ends within the grace is committed; nothing new starts; the run is resumable."""
        go, hold = threading.Event(), Gate.hold

        def held(gate: Gate) -> None:
            hold(gate)
            go.set()  # by now who leaves lets nothing begin any more

        monkeypatch.setattr(Gate, "hold", held)

        def waits() -> str:
            diary.note("began")
            go.wait()
            return "kept"

        def after(first: str) -> str:
            diary.note("after")
            return first

        nodes = [{"id": "first", "action": "waits"}, {"id": "second", "action": "after", "inputs": {"first": "first"}}]
        system = open_system(waits, after)
        run = system.flows.start({"name": "two", "nodes": nodes})
        diary.wait_for("began")
        system.stop()
        assert diary.notes == ["began"]
        other = open_system(waits, after, recover=False)
        report = other.flows.report(run.id)
        assert (report.state, report.nodes[0].state) == ("running", "succeeded")
        assert other.flows.resumable() == [run.id]
        assert other.flows.resume(run.id).result(PATIENCE_S) == {"second": "kept"}
        assert diary.notes == ["began", "after"]

    @pytest.mark.parametrize("takes", ["resume", "recover"])
    def test_leaving_cuts_off_what_outlasts_the_grace_and_another_system_goes_on(
        self, open_system, diary, takes: str
    ) -> None:
        """Law: interrupted, not cancelled and no failure; a coroutine is cancelled; its try is made again."""
        is_second = threading.Event()

        async def waits() -> str:
            diary.note("began")
            if not is_second.is_set():
                await asyncio.Event().wait()
            return "done"

        system = open_system(waits)
        run = system.flows.start(one_node("waits"))
        diary.wait_for("began")
        system.stop(grace_s=0.05)
        is_second.set()
        other = open_system(waits, recover=takes == "recover")
        if takes == "resume":
            assert other.flows.report(run.id).state == "running"
            other.flows.resume(run.id)
        report = other.flows.run(run.id).wait(PATIENCE_S)
        assert report.outputs == {"node": "done"}
        assert [(one.attempt, one.state) for one in report.nodes[0].attempts] == [(1, "interrupted"), (2, "succeeded")]
        assert diary.notes == ["began", "began"]

    def test_a_waiter_learns_that_the_system_was_left(self, open_system, diary) -> None:
        """Law: nobody waits for ever for a run that this system has given back."""

        async def waits() -> None:
            diary.note("began")
            await asyncio.Event().wait()

        system = open_system(waits)
        run = system.flows.start(one_node("waits"))
        ends: list[Any] = []

        def wait() -> None:
            try:
                ends.append(run.wait(PATIENCE_S))
            except Exception as error:
                ends.append(error)

        waiter = threading.Thread(target=wait)
        waiter.start()
        diary.wait_for("began")
        system.stop(grace_s=0)
        waiter.join(PATIENCE_S / 2)
        assert not waiter.is_alive()


class TestTakingUpAgain:
    def test_retry_keeps_what_succeeded(self, open_system, diary) -> None:
        """Law: only the failed node and what never ran are run; the history keeps the failure."""
        is_mended = threading.Event()

        def good() -> int:
            diary.note("good")
            return 1

        def bad(good: int) -> int:
            diary.note("bad")
            if not is_mended.is_set():
                raise ValueError("not yet")
            return good + 1

        def last(bad: int) -> int:
            diary.note("last")
            return bad + 1

        nodes = [
            {"id": "good", "action": "good"},
            {"id": "bad", "action": "bad", "dependencies": ["good"]},
            {"id": "last", "action": "last", "dependencies": ["bad"]},
        ]
        system = open_system(good, bad, last)
        run = system.flows.start({"name": "chain", "nodes": nodes})
        assert run.wait(PATIENCE_S).state == "failed"
        with pytest.raises(IllegalTransition, match=rf"is failed.*dagger-actors retry {run.id}"):
            system.flows.resume(run.id)
        is_mended.set()
        assert system.flows.retry(run.id).result(PATIENCE_S) == {"last": 3}
        report = run.report()
        assert [[attempt.state for attempt in node.attempts] for node in report.nodes] == [
            ["succeeded"],
            ["failed", "succeeded"],
            ["succeeded"],
        ]
        assert (report.error, diary.notes) == (None, ["good", "bad", "bad", "last"])

    def test_another_system_may_retry_and_code_may_have_changed(self, open_system) -> None:
        """Law: a run is pinned to its definition, its code is not: fix and retry is the habit."""

        def broken() -> int:
            raise ValueError

        def mended() -> int:
            return 7

        mended.__name__ = "broken"
        first = open_system(broken)
        run = first.flows.start(one_node("broken"))
        run.wait(PATIENCE_S)
        assert open_system(mended).flows.retry(run.id).result(PATIENCE_S) == {"node": 7}

    def test_actions_that_no_longer_fit_are_named(self, open_system) -> None:
        """Law: signatures are rechecked when a run is taken up; nothing is started."""

        def work(a: int) -> int:
            raise ValueError

        def other(b: int) -> int:
            return b

        other.__name__ = "work"
        run = open_system(work).flows.start(one_node("work", inputs={"a": {"value": 1}}))
        run.wait(PATIENCE_S)
        with pytest.raises(DefinitionError, match=r"'node'.*'work' needs 'b' now"):
            open_system(other).flows.retry(run.id)
        with pytest.raises(DefinitionError, match="no action 'work' any more"):
            open_system().flows.retry(run.id)
        assert open_system().flows.report(run.id).state == "failed"


class Point(msgspec.Struct):
    x: int
    y: int


@dataclasses.dataclass
class Line:
    length: float


def outcome(open_system: Any, function: Any, **keys: Any) -> Any:
    """Run one action; what came of it: the node's report and the run's outputs."""
    function.__name__ = "function"
    report = open_system(function).flows.start(one_node("function", **keys)).wait(PATIENCE_S)
    return report.nodes[0], report.outputs.get("node")


class TestOutputs:
    @pytest.mark.parametrize(
        ("value", "stored"),
        [
            ({"a": 1, "b": [True, None]}, {"a": 1, "b": [True, None]}),
            (Point(1, 2), {"x": 1, "y": 2}),
            (Line(1.5), {"length": 1.5}),
            ([Point(1, 2), Line(0.5)], [{"x": 1, "y": 2}, {"length": 0.5}]),
            ((1, 2), [1, 2]),
            (None, None),
            (0, 0),
            ("", ""),
            ("ünï\u0000\U0001f98a", "ünï\u0000\U0001f98a"),
            (2**63, 2**63),
            (-0.0, 0.0),
            (1e308, 1e308),
        ],
    )
    def test_values_come_back_as_they_were(self, open_system, value: Any, stored: Any) -> None:
        """Law: dicts, Structs and dataclasses by name, everything else as the whole output."""
        node, output = outcome(open_system, lambda: value)
        assert (node.state, node.attempts[0].error) == ("succeeded", None)
        assert output == node.output == stored
        assert type(output) is type(stored)

    def test_fields_are_referred_to_by_name(self, open_system) -> None:
        """Law: NODE.KEY of a Struct, a dataclass and a dict; the whole decodes into the parameter's type."""

        def point() -> Point:
            return Point(3, 4)

        def use(x: int, whole: Point) -> list[int]:
            assert isinstance(whole, Point)
            return [x, whole.y]

        nodes = [{"id": "p", "action": "point"}, {"id": "u", "action": "use", "inputs": {"x": "p.x", "whole": "p"}}]
        assert open_system(point, use).flows.start({"name": "f", "nodes": nodes}).result(PATIENCE_S) == {"u": [3, 4]}

    def test_one_declared_name_takes_a_scalar(self, open_system) -> None:
        """Law: outputs: [total] and a number give {total: number}."""
        assert outcome(open_system, lambda: 5, outputs=["total"])[1] == {"total": 5}

    @pytest.mark.parametrize(
        ("value", "outputs", "text"),
        [
            ({"a": 1}, ["a", "b"], "lacks the declared output 'b'"),
            (Point(1, 2), ["z"], "lacks the declared output 'z'"),
            (5, ["a", "b"], "it is an int, and the node declares the outputs a, b"),
        ],
    )
    def test_a_missing_declared_output_fails_the_node(self, open_system, value: Any, outputs: Any, text: str) -> None:
        """Law: what was declared is there, or the node has failed."""
        node, _ = outcome(open_system, lambda: value, outputs=outputs)
        assert node.state == "failed"
        assert text in node.attempts[0].error.message

    @pytest.mark.parametrize(
        ("value", "text", "advice"),
        [
            (math.nan, "nan", "return null or text for it"),
            ({"a": [math.inf]}, "inf", "return null or text for it"),
            ({"a": b"x"}, "bytes", SAVE),
            (object(), "object", SAVE),
            ({"a": threading.Lock()}, "lock", SAVE),
            (lambda: 1, "function", SAVE),
            ({("a", 1): 2}, "a mapping with the key ('a', 1)", "write its keys as text"),
            ({"a": {None: 2}}, "a mapping with the key None", "write its keys as text"),
            ([Path], "the class Path itself", "return one of its objects: Path(...)"),
            (range(3), "a range", "make a list of it: list(...)"),
            ({"a": iter([1])}, "a list_iterator", "make a list of it: list(...)"),
            ({"a": {1: 2}.values()}, "a dict_values", "make a list of it: list(...)"),
            (Path("/nowhere/at/all"), "/nowhere/at/all", "return a path that is there"),
        ],
    )
    def test_what_cannot_be_stored_is_refused_with_advice(
        self, open_system, value: Any, text: str, advice: str
    ) -> None:
        """Law: never something else, silently: the error says what it met and what to do."""
        node, _ = outcome(open_system, lambda: value)
        assert node.state == "failed"
        error = node.attempts[0].error
        assert error.type.endswith("OutputError")
        assert text in error.message
        assert advice in error.message

    @pytest.mark.parametrize("size", [0, 10, 1024, 40_000])
    def test_bytes_are_an_artifact_and_stay_bytes(self, open_system, size: int) -> None:
        """Law: a bytes output is named by its hash; the next action gets the bytes."""
        content = bytes(range(256)) * (size // 256) + bytes(size % 256)
        got: list[bytes] = []

        def give() -> bytes:
            return content

        def take(data: bytes) -> int:
            got.append(data)
            return len(data)

        nodes = [{"id": "give", "action": "give"}, {"id": "take", "action": "take", "inputs": {"data": "give"}}]
        report = open_system(give, take).flows.start({"name": "bytes", "nodes": nodes}).wait(PATIENCE_S)
        reference = report.nodes[0].output
        assert report.outputs == {"take": size}
        assert got == [content]
        assert isinstance(reference, ArtifactRef)
        assert reference.artifact_id == hashlib.sha256(content).hexdigest()
        assert (reference.kind, reference.size_bytes) == ("bytes", size)

    def test_a_path_is_stored_as_what_the_file_holds(self, open_system, tmp_path: Path) -> None:
        """Law: the content, at the moment of the return, is the artifact."""
        (tmp_path / "out.bin").write_bytes(b"content")
        node, output = outcome(open_system, lambda: tmp_path / "out.bin")
        (tmp_path / "out.bin").unlink()
        assert node.output.artifact_id == hashlib.sha256(b"content").hexdigest()
        assert output == node.output

    @pytest.mark.parametrize(("length", "is_artifact"), [(1022, False), (1023, True), (50_000, True)])
    def test_more_than_1_kib_becomes_an_artifact_that_reads_as_before(
        self, open_system, length: int, is_artifact: bool
    ) -> None:
        """Law: 1,024 bytes of JSON live in the row, one more is an artifact; readers and nodes see no difference."""

        def text() -> str:
            return "x" * length

        def size(value: str) -> int:
            return len(value)

        nodes = [{"id": "text", "action": "text"}, {"id": "size", "action": "size", "inputs": {"value": "text"}}]
        spec = {"name": "long", "nodes": nodes, "outputs": {"text": "text", "size": "size"}}
        report = open_system(text, size).flows.start(spec).wait(PATIENCE_S)
        assert report.outputs == {"text": "x" * length, "size": length}
        assert isinstance(report.nodes[0].output, ArtifactRef) is is_artifact

    def test_keys_of_a_large_output_are_picked(self, open_system) -> None:
        """Law: NODE.KEY works the same when the output is an artifact."""

        def large() -> dict[str, Any]:
            return {"small": 1, "large": "x" * 100_000}

        def use(value: int) -> int:
            return value

        nodes = [{"id": "large", "action": "large"}, {"id": "use", "action": "use", "inputs": {"value": "large.small"}}]
        assert open_system(large, use).flows.start({"name": "k", "nodes": nodes}).result(PATIENCE_S) == {"use": 1}

    def test_inputs_that_do_not_fit_the_hints_fail_the_node_with_the_path(self, open_system) -> None:
        """Law: the error names action, parameter and the path to the bad field."""

        def give() -> dict[str, Any]:
            return {"points": [{"x": 1, "y": 2}, {"x": 1, "y": "two"}]}

        def take(points: list[Point]) -> int:
            raise AssertionError("never")

        nodes = [
            {"id": "give", "action": "give"},
            {"id": "take", "action": "take", "inputs": {"points": "give.points"}},
        ]
        report = open_system(give, take).flows.start({"name": "t", "nodes": nodes}).wait(PATIENCE_S)
        error = report.nodes[1].attempts[0].error
        assert error is not None
        assert "'take'" in error.message
        assert "'points'" in error.message
        assert "$[1].y" in error.message


class TestContext:
    def test_it_tells_who_and_which_attempt(self, open_system) -> None:
        """Law: ids are those of the report; the idempotency key is the same for every attempt of an invocation."""
        seen: list[tuple[Any, ...]] = []

        def work(ctx: Context, item: str) -> None:
            seen.append((ctx.run_id, ctx.node_id, ctx.invocation_key, ctx.attempt, ctx.idempotency_key, ctx.cancelled))
            if ctx.attempt == 1:
                raise ValueError

        node = {"id": "n", "action": "work", "map": {"over": "inputs.items", "item": "item"}, "try_count": 2}
        spec = {"name": "ids", "inputs": {"items": ["a", "b"]}, "nodes": [node]}
        open_system(work).flows.start(spec, run_id="run").result(PATIENCE_S)
        assert sorted(seen) == [
            ("run", "n", key, attempt, f"run/n/{key}", False) for key in ("0", "1") for attempt in (1, 2)
        ]

    def test_save_and_load(self, open_system) -> None:
        """Law: what is saved can be loaded at once, is handed on by reference, and is in the report by name."""

        def save(ctx: Context) -> ArtifactRef:
            reference = ctx.save("notes.txt", "grüße", media_type="text/plain")
            assert ctx.load(reference) == "grüße".encode()
            ctx.save("large.bin", b"\0" * 100_000)
            return reference

        def load(ctx: Context, reference: ArtifactRef) -> str:
            return ctx.load(reference).decode()

        nodes = [{"id": "save", "action": "save"}, {"id": "load", "action": "load", "inputs": {"reference": "save"}}]
        report = open_system(save, load).flows.start({"name": "art", "nodes": nodes}).wait(PATIENCE_S)
        assert report.outputs == {"load": "grüße"}
        saved = {one.name: one for one in report.nodes[0].artifacts}
        assert (saved["notes.txt"].media_type, saved["notes.txt"].size_bytes) == ("text/plain", 7)
        assert saved["large.bin"].artifact_id == hashlib.sha256(b"\0" * 100_000).hexdigest()

    def test_what_a_failed_attempt_saved_is_not_part_of_the_run(self, open_system) -> None:
        """Law: saved artifacts are committed with the end of the attempt that succeeds."""

        def work(ctx: Context) -> None:
            ctx.save(f"attempt {ctx.attempt}", b"x")
            if ctx.attempt == 1:
                raise ValueError

        report = open_system(work).flows.start(one_node("work", try_count=2)).wait(PATIENCE_S)
        assert [one.name for one in report.nodes[0].artifacts] == ["attempt 2"]

    def test_progress_is_told_to_watchers_at_most_ten_times_a_second_and_at_the_end(self, open_system) -> None:
        """Law: nothing of it is stored; the last call always counts."""
        seen: list[Any] = []

        def work(ctx: Context) -> None:
            for done in range(1001):
                ctx.progress(done, 1000)

        open_system(work, observer=seen.extend).flows.start(one_node("work")).result(PATIENCE_S)
        told = [event.done for event in seen if type(event).__name__ == "NodeProgress"]
        assert (told[0], told[-1]) == (0, 1000)
        assert len(told) < 100

    def test_log_carries_the_ids(self, open_system, caplog: pytest.LogCaptureFixture) -> None:
        """Law: the logger is dagger_actors.run; the ids are fields of the record."""

        def work(ctx: Context) -> None:
            ctx.log("hello %s", level=logging.WARNING)

        with caplog.at_level(logging.INFO, "dagger_actors.run"):
            open_system(work).flows.start(one_node("work"), run_id="r").result(PATIENCE_S)
        (record,) = [record for record in caplog.records if record.name == "dagger_actors.run"]
        assert record.getMessage() == "r/node: hello %s"
        assert (record.levelname, record.run_id, record.node_id, record.attempt) == ("WARNING", "r", "node", 1)

    @pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError()])
    @pytest.mark.parametrize("kind", ["plain", "coroutine"])
    def test_whatever_code_raises_is_an_outcome(self, open_system, error: BaseException, kind: str) -> None:
        """Law: no exception of user code ends a thread, the loop or the system."""

        def plain() -> None:
            raise error

        async def coroutine() -> None:
            await asyncio.sleep(0)
            raise error

        async def fine() -> str:
            return "fine"

        system = open_system(plain, coroutine, fine)
        report = system.flows.start(one_node(kind)).wait(PATIENCE_S)
        assert report.state == "failed"
        assert report.nodes[0].attempts[0].error.type.endswith(type(error).__name__)
        assert system.flows.start(one_node("fine")).result(PATIENCE_S) == {"node": "fine"}
