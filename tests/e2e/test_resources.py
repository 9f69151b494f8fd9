"""``ctx.resource``: made once, entered and closed with the system, for threads and coroutines alike."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest

from dagger_actors import ActorSystem, Context, action
from dagger_actors.errors import RequestError, ResourceFailed
from dagger_actors.testing.simulation import simulate

PATIENCE_S = 30


class Plain:
    pass


class Pool:
    pass


class Client:
    pass


@action
def in_thread(ctx: Context) -> list[bool]:
    return [isinstance(ctx.resource(kind), kind) for kind in (Plain, Pool, Client)]


@action
async def on_loop(ctx: Context) -> list[bool]:
    return [isinstance(ctx.resource(kind), kind) for kind in (Plain, Pool, Client)]


FLOW = {
    "name": "f",
    "inputs": {"items": list(range(20))},
    "nodes": [{"id": "t", "action": "in_thread"}, {"id": "l", "action": "on_loop"}],
}


class Factories:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.tasks: list[Any] = []
        self.threads: list[str] = []

    def plain(self) -> Plain:
        self.notes.append("plain")
        return Plain()

    @contextlib.contextmanager
    def pool(self):
        self.notes.append("enter pool")
        yield Pool()
        self.notes.append("leave pool")

    @contextlib.asynccontextmanager
    async def client(self):
        self.tasks.append(asyncio.current_task())
        self.threads.append(threading.current_thread().name)
        await asyncio.sleep(0)
        self.notes.append("enter client")
        yield Client()
        await asyncio.sleep(0)
        self.tasks.append(asyncio.current_task())
        self.notes.append("leave client")

    def all(self) -> dict[type, Any]:
        return {Plain: self.plain, Pool: self.pool, Client: self.client}


MADE = ["plain", "enter pool", "enter client"]


def test_each_is_made_once_and_closed_with_the_system_the_last_one_first():
    """Law: entered while the system opens, in the order given; the async one in one task of the actions' own loop."""
    made = Factories()
    with ActorSystem(actions=[in_thread, on_loop], resources=made.all()) as system:
        assert made.notes == MADE
        for _ in range(2):
            outputs = system.flows.start(FLOW).result(PATIENCE_S)
            assert outputs == {"t": [True] * 3, "l": [True] * 3}
        assert made.notes == MADE
    assert made.notes == [*MADE, "leave client", "leave pool"]
    assert made.tasks[0] is made.tasks[1]
    assert made.threads == ["dagger-io"]


def test_a_system_opened_on_somebodys_loop_has_its_resources_too():
    """Law: an async resource is ready for the first action, wherever the system is opened."""
    made = Factories()

    async def serve() -> dict[str, Any]:
        async with ActorSystem(actions=[in_thread, on_loop], resources=made.all()) as system:
            return await (await system.flows.astart(FLOW))

    assert asyncio.run(serve()) == {"t": [True] * 3, "l": [True] * 3}
    assert made.notes == [*MADE, "leave client", "leave pool"]


def test_the_simulation_has_resources(memory):
    """Law: the same on virtual time, async ones too."""
    made = Factories()
    with simulate(1, memory) as sim:
        system = sim.system(actions=[in_thread, on_loop], resources=made.all())
        assert system.flows.start(FLOW).result() == {"t": [True] * 3, "l": [True] * 3}
        system.stop()
    assert made.notes == [*MADE, "leave client", "leave pool"]


def test_a_coroutine_function_is_a_factory():
    """Law: what it returns is the resource, or the context manager of it."""

    async def make() -> Plain:
        await asyncio.sleep(0)
        return Plain()

    made = Factories()

    async def make_client() -> Any:
        return made.client()

    resources = {Plain: make, Pool: made.pool, Client: make_client}
    with ActorSystem(actions=[in_thread, on_loop], resources=resources) as system:
        assert system.flows.start(FLOW).result(PATIENCE_S)["t"] == [True] * 3
    assert made.notes == ["enter pool", "enter client", "leave client", "leave pool"]


def test_an_unknown_resource_is_an_error_that_lists_those_there_are():
    """Law: the attempt fails by name, and says what to do."""
    made = Factories()

    @action
    def work(ctx: Context) -> None:
        ctx.resource(Client)

    with ActorSystem(actions=[work], resources={Plain: made.plain, Pool: made.pool}) as system:
        report = system.flows.start({"name": "f", "nodes": [{"id": "n", "action": "work"}]}).wait(PATIENCE_S)
    assert "UnknownResource: there is no resource Client, only Plain, Pool; give ActorSystem(resources=" in str(
        report.error
    )


def failing() -> Any:
    raise OSError("no route")


@contextlib.asynccontextmanager
async def failing_async():
    raise OSError("no route")
    yield


@pytest.mark.parametrize("factory", [failing, failing_async])
def test_a_resource_that_cannot_be_made_is_told_at_once_and_the_others_are_closed(tmp_path, factory):
    """Law: no system opens without what it was to have, and nothing of it is left behind."""
    made = Factories()
    path = tmp_path / "a.db"
    before = {*threading.enumerate()}
    with pytest.raises(
        ResourceFailed, match=r"the resource Client cannot be made: OSError: no route; look at its factory"
    ):
        ActorSystem(path, resources={Pool: made.pool, Client: factory})
    assert made.notes == ["enter pool", "leave pool"]
    ActorSystem(path).stop()
    left = {*threading.enumerate()} - before
    assert not [thread.name for thread in left if thread.name.startswith("dagger-io")]


def test_a_resource_that_does_not_close_well_keeps_no_other_open(caplog):
    """Law: its failure is logged, the rest is closed."""
    made = Factories()

    @contextlib.contextmanager
    def sour():
        yield Plain()
        raise OSError("stuck")

    ActorSystem(resources={Pool: made.pool, Plain: sour}).stop()
    assert made.notes == ["enter pool", "leave pool"]
    assert "the resource Plain did not close well" in caplog.text


@pytest.mark.parametrize("resources", [{"Pool": Pool}, {Pool: Pool()}])
def test_what_is_no_type_or_no_factory_is_refused(resources):
    """Law: a mistake in the option is told by name, before anything is opened."""
    with pytest.raises(RequestError, match="resources maps types to functions"):
        ActorSystem(resources=resources)
