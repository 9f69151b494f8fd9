"""The edges of the Python API: what user code hands over, and what happens while a system is left."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from dagger_actors import (
    ActorSystem,
    Context,
    DefinitionError,
    Flow,
    HookEvent,
    InvalidInputs,
    RunFailed,
    RunPaused,
    action,
)
from dagger_actors.actors.gate import Gate
from dagger_actors.actors.ticket import Ticket
from dagger_actors.errors import RequestError, SystemClosed
from dagger_actors.flow.running.supervisor import FlowSupervisor


@action
def double(number: int) -> int:
    return number * 2


DOUBLE = {
    "name": "double",
    "inputs": {"number": {"type": "int", "default": 21}},
    "nodes": [{"id": "double", "action": "double", "inputs": {"number": "inputs.number"}}],
}


class Mute(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ctx: ctx.save("\udcff.txt", b"x"), "printable characters"),
        (lambda ctx: ctx.save("a", b"x", "text/\udcff"), "printable characters"),
        (lambda ctx: ctx.save("", b"x"), "printable characters"),
        (lambda ctx: ctx.save("a" * 201, b"x"), "printable characters"),
        (lambda ctx: ctx.save(5, b"x"), "printable characters"),
        (lambda ctx: ctx.save("a", b"x", None), "printable characters"),
        (lambda ctx: ctx.save("a", 5), "bytes or text"),
        (lambda ctx: ctx.save("a", [1, 2]), "bytes or text"),
        (lambda ctx: ctx.progress("half"), "could not convert"),
        (lambda _ctx: (_ for _ in ()).throw(Mute()), "could not be made"),
    ],
)
def test_whatever_user_code_hands_over_is_an_outcome_of_its_node_alone(open_system, call, message: str) -> None:
    """Law: a name that is no text, or an error without a text, neither hangs the run nor costs its supervisor."""

    @action
    def hands_over(ctx: Context) -> None:
        call(ctx)

    @action
    def fine() -> int:
        return 1

    nodes = [{"id": "n", "action": "hands_over"}, {"id": "m", "action": "fine"}]
    flow = {"name": "f", "config": {"on_failure": "continue", "max_parallel_nodes": 1}, "nodes": nodes}
    report = open_system(hands_over, fine).flows.start(flow).wait(timeout=30)
    states = {node.node_id: node for node in report.nodes}
    assert (states["n"].state, states["m"].state) == ("failed", "succeeded")
    assert message in states["n"].attempts[0].error.message


def test_an_end_that_is_told_while_the_system_is_left_is_kept(tmp_path, monkeypatch) -> None:
    """Law: what ended within the grace is not done again, though its message came last."""
    begun = {name: threading.Event() for name in "ab"}
    may_end = {name: threading.Event() for name in "ab"}
    is_between, may_tell = threading.Event(), threading.Event()
    ran: list[str] = []

    @action
    def waits(ctx: Context) -> str:
        ran.append(ctx.node_id)
        begun[ctx.node_id].set()
        assert may_end[ctx.node_id].wait(30)
        return ctx.node_id

    end, tell_idle = Gate.end, FlowSupervisor._tell_idle

    def ends(self: Gate, ticket: Ticket, *rest: Any, **options: Any) -> None:
        end(self, ticket, *rest, **options)
        if ticket.node == 1:  # its thread is preempted between the gate and the message
            is_between.set()
            assert may_tell.wait(30)

    def tells(self: FlowSupervisor) -> None:
        tell_idle(self)
        if is_between.is_set():
            may_tell.set()

    monkeypatch.setattr(Gate, "end", ends)
    monkeypatch.setattr(FlowSupervisor, "_tell_idle", tells)
    path = tmp_path / "leaving.db"
    system = ActorSystem(path, actions=[waits])
    nodes = [{"id": name, "action": "waits"} for name in "ab"]
    run = system.flows.start({"name": "f", "nodes": nodes})
    assert all(event.wait(30) for event in begun.values())
    leaver = threading.Thread(target=system.stop)
    leaver.start()
    may_end["b"].set()
    assert is_between.wait(30)
    may_end["a"].set()
    leaver.join(30)
    assert not leaver.is_alive()
    with ActorSystem(path, actions=[waits]) as again:
        assert again.flows.report(run.id).state == "succeeded" or again.flows.resume(run.id).result(30)
    assert sorted(ran) == ["a", "b"]


def itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (itself, "holds itself"),
        (lambda: {"a": itself()}, "holds itself"),
        (lambda: {1: 2, "1": 3}, "the key 1"),
        (lambda: [{b"x": 2}], "the key b'x'"),
        (lambda: {None: 1}, "the key None"),
        (lambda: msgspec.Raw(b'{"a":'), "Raw"),
    ],
)
def test_what_json_would_change_or_never_end_is_refused(open_system, value: Any, message: str) -> None:
    """Law: a result comes back as it was, or fails its node; an input that cannot be stored is refused at once."""

    @action
    def gives() -> Any:
        return value()

    @action
    def takes(a: Any) -> None:
        del a

    system = open_system(gives, takes)
    with pytest.raises(RunFailed, match=message):
        system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "gives"}]}).result(30)
    flow = {"name": "g", "nodes": [{"id": "n", "action": "takes", "inputs": {"a": "inputs.a"}}]}
    with pytest.raises(InvalidInputs, match="cannot be stored"):
        system.flows.start(flow, inputs={"a": value()})


@pytest.mark.parametrize("content", [b"", b"small", b"y" * 40_000])
def test_an_attempt_can_read_what_it_has_saved(open_system, content: bytes) -> None:
    """Law: also before it is committed, in the row or as a file."""

    @action
    def saves(ctx: Context) -> bool:
        return ctx.load(ctx.save("a", content)) == content

    run = open_system(saves).flows.start({"name": "f", "nodes": [{"id": "n", "action": "saves"}]})
    assert run.result(30) == {"n": True}


@pytest.mark.parametrize("parallel", [0, -1, 1.5, True, "2"])
def test_a_width_that_is_no_whole_number_is_refused_and_nothing_is_written(open_system, parallel: Any) -> None:
    """Law: no run is stored that nobody could read again."""
    system = open_system(double)
    with pytest.raises(RequestError, match="whole number"):
        system.flows.start(DOUBLE, parallel=parallel)
    assert system.flows.runs() == []


def test_a_starter_may_narrow_a_flow_that_is_too_wide(open_system) -> None:
    """Law: what counts is what would run at once, not what the file says alone."""
    system = open_system(double)
    wide = {**DOUBLE, "config": {"max_parallel_nodes": 65}}
    with pytest.raises(DefinitionError, match="65"):
        system.flows.start(wide, inputs={"number": 2})
    with pytest.raises(DefinitionError, match="70"):
        system.flows.start(DOUBLE, inputs={"number": 2}, parallel=70)
    assert system.flows.start(wide, inputs={"number": 2}, parallel=4).wait(30).state == "succeeded"
    assert system.flows.start(wide, inputs={"number": 2}, sequential=True).wait(30).state == "succeeded"


def test_so_many_run_at_once_as_their_starter_asks_for(open_system) -> None:
    """Law: parallel=N beats the file, `enable_parallel_execution: false` too."""
    together = threading.Barrier(3)

    @action
    def meets() -> int:
        return together.wait(30) >= 0

    nodes = [{"id": f"n{at}", "action": "meets"} for at in range(3)]
    flow = {"name": "f", "config": {"enable_parallel_execution": False}, "nodes": nodes}
    assert open_system(meets).flows.start(flow, parallel=3).wait(60).state == "succeeded"


def test_whoever_waits_while_the_system_is_left_is_told(open_system) -> None:
    """Law: a named error; the run is resumable, so it has neither failed nor ended."""
    begun = threading.Event()

    @action
    async def endless() -> None:
        begun.set()
        await asyncio.sleep(3600)

    system = open_system(endless)
    run = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "endless"}]})
    assert begun.wait(30)
    told: list[BaseException] = []

    def waits() -> None:
        try:
            run.result(60)
        except BaseException as error:
            told.append(error)

    waiter = threading.Thread(target=waits)
    waiter.start()
    while not system._hub.active[run.id].done._callbacks and waiter.is_alive() and not told:
        if system._hub.active[run.id].done.is_done():
            break
        waiter.join(0.01)
    system.stop(grace_s=0)
    waiter.join(30)
    assert [type(error) for error in told] == [SystemClosed]


def test_actions_may_move_to_another_file(open_system, tmp_path) -> None:
    """Law: where an action was once matters only as long as nobody else gives it; one function under two names is one."""
    (tmp_path / "old.py").write_text(
        "from dagger_actors import action\n@action\ndef gives() -> int:\n    raise ValueError\n"
    )
    (tmp_path / "both.py").write_text("from old import gives\nfrom dagger_actors import action\n")
    path = tmp_path / "flow.yaml"
    path.write_text("name: f\nactions: [old.py, both.py]\nnodes: [{id: n, action: gives}]\n")
    first = ActorSystem(tmp_path / "moving.db")
    with first:
        run = first.flows.start(path)
        assert run.wait(30).state == "failed"
    (tmp_path / "old.py").rename(tmp_path / "new.py")
    (tmp_path / "new.py").write_text("from dagger_actors import action\n@action\ndef gives() -> int:\n    return 3\n")
    with ActorSystem(tmp_path / "moving.db", imports=[str(tmp_path / "new.py")]) as second:
        assert second.flows.retry(run.id).result(30) == {"n": 3}


def test_a_mistake_in_the_arguments_leaves_no_temporary_folder(tmp_path, monkeypatch) -> None:
    """Law: nothing is made before everything is checked."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(DefinitionError):
        ActorSystem(imports=["no_such_module_anywhere"])
    assert list(tmp_path.iterdir()) == []


def test_an_action_may_start_another_run_and_pause_and_resume_it() -> None:
    """Law: what is committed is told so: a run that was written while its starter was refused stood still for ever."""
    with ActorSystem(actions=[double]) as system:

        @action
        def starts() -> str:
            return system.flows.start(DOUBLE, run_id="begun").id

        @action
        def steers() -> list[str]:
            paused = system.flows.start(one_node(lambda: 1, asks=True), run_id="steered").pause().state
            return [paused, system.flows.resume("steered").id]

        assert system.flows.start(one_node(starts)).result() == {"a": "begun"}
        assert system.flows.run("begun").result() == {"double": 42}
        assert system.flows.start(one_node(steers)).result() == {"a": ["paused", "steered"]}


def test_an_action_that_waits_for_a_run_is_told_to_await_it() -> None:
    """Law: a thread that waits for what the same threads do may wait for ever; a coroutine holds none."""
    with ActorSystem(actions=[double]) as system:

        @action
        def waits() -> Any:
            return system.flows.start(one_node(lambda: 1, asks=True), run_id="inner").result()

        @action
        async def awaits() -> Any:
            return await (await system.flows.astart(DOUBLE))

        with pytest.raises(RunFailed, match=r"waits here for run 'inner' .*; `await` it in an async handler or action"):
            system.flows.start(one_node(waits)).result()
        assert system.flows.start(one_node(awaits)).result() == {"a": {"double": 42}}


def test_a_flow_that_neither_is_a_file_nor_was_loaded_is_told_so() -> None:
    with ActorSystem(actions=[double]) as system:
        with pytest.raises(DefinitionError, match=r"there is no flow 'doubel': no file.*\n.*Load it with flows.load"):
            system.flows.start("doubel")
        flow = Flow("double")
        flow.node("a", double, inputs={"number": 4})
        system.flows.load(flow)
        with pytest.raises(DefinitionError, match=r"Did you mean 'double'\?"):
            system.flows.start("doubel")


def one_node(function: Any, *, asks: bool = False) -> Flow:
    flow = Flow("outer")
    flow.node("a", function, dependencies=[flow.approval("ok")] if asks else None)
    return flow


def test_calls_that_wait_for_hooks_hold_up_no_other_of_their_loop(tmp_path) -> None:
    """Law: what may take long is not done on the few threads that a loop has for everybody."""
    began, gate = threading.Semaphore(0), threading.Event()

    def hear(event: HookEvent) -> None:
        began.release()
        gate.wait(60)

    async def long() -> None:
        await asyncio.sleep(3600)

    async def serve() -> dict[str, Any]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        spec = {"name": "f", "hooks": {"run_end": "hear"}, "nodes": [{"id": "long", "action": "long"}]}
        asks = {"name": "asks", "nodes": [{"id": "ok", "approval": {}}]}
        async with ActorSystem(tmp_path / "runs.db", actions=[long, hear]) as system:
            asking = await system.flows.astart(asks)
            runs = [await system.flows.astart(spec) for _ in range(3)]
            with pytest.raises(RunPaused):
                await asking
            cancels = [asyncio.create_task(run.acancel()) for run in runs]
            for _ in runs:
                assert await asyncio.to_thread(began.acquire, timeout=60)
            answered = await asyncio.wait_for(system.flows.asignal(asking.id, "ok", value=True), 60)
            gate.set()
            assert {report.state for report in await asyncio.gather(*cancels)} == {"cancelled"}
            return await answered

    assert asyncio.run(serve()) == {"ok": True}
