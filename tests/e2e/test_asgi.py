"""A system inside an ASGI application: opened and left by its lifespan, used by its requests, on its own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dagger_actors import ActorSystem, action

SPEC: dict[str, Any] = {
    "name": "letters",
    "inputs": {"text": {"type": "str"}},
    "nodes": [
        {"id": "words", "action": "words"},
        {"id": "measure", "action": "measure", "map": {"over": "words", "item": "word"}},
        {"id": "total", "action": "total", "inputs": {"lengths": "measure"}},
    ],
    "outputs": {"letters": "total"},
}
WAITING = {"name": "waiting", "nodes": [{"id": "wait", "action": "wait", "inputs": {}}]}


@action
def words(text: str) -> list[str]:
    return text.split()


@action
async def measure(word: str) -> int:
    await asyncio.sleep(0)
    return len(word)


@action
def total(lengths: list[int]) -> int:
    return sum(lengths)


class Service:
    """An application as its author writes it.

    Attributes:
        gate: Lets the waiting flow end.
    """

    def __init__(self, db: Path) -> None:
        self.db = db
        self.gate = asyncio.Event()
        self.began = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        routes = [Route("/letters", self.letters), Route("/wait/{run_id}", self.wait)]
        self.app = Starlette(routes=routes, lifespan=self.lifespan)

    def actions(self) -> list[Any]:
        @action
        async def wait() -> str:
            self.loop.call_soon_threadsafe(self.began.set)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.gate.wait(), self.loop))
            return "done"

        return [words, measure, total, wait]

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with ActorSystem(self.db, actions=self.actions()) as system:
            app.state.system = system
            yield

    async def letters(self, request: Request) -> Response:
        run = await request.app.state.system.flows.astart(SPEC, {"text": request.query_params["text"]})
        return JSONResponse(await run)

    async def wait(self, request: Request) -> Response:
        run = await request.app.state.system.flows.astart(WAITING, run_id=request.path_params["run_id"])
        return JSONResponse(await run)


@asynccontextmanager
async def serving(db: Path) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    """Run the lifespan around a client that calls the application in this very loop."""
    service = Service(db)
    transport = httpx.ASGITransport(app=service.app)
    async with (
        service.app.router.lifespan_context(service.app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield service, client


def test_requests_start_flows_and_await_them_side_by_side(tmp_path: Path) -> None:
    """Law: nothing blocks the application's loop; twenty requests at once, each its own run."""

    async def scene() -> None:
        async with serving(tmp_path / "web.db") as (_, client):
            texts = ["word " * count for count in range(1, 21)]
            answers = await asyncio.gather(*(client.get("/letters", params={"text": text}) for text in texts))
            assert [answer.json() for answer in answers] == [{"letters": 4 * count} for count in range(1, 21)]

    asyncio.run(scene())


def test_a_request_that_is_cancelled_only_stops_watching(tmp_path: Path) -> None:
    """Law: the run goes on, and a later request of the same run id gets its result."""

    async def scene() -> None:
        async with serving(tmp_path / "web.db") as (service, client):
            request = asyncio.ensure_future(client.get("/wait/one"))
            await service.began.wait()
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)
            service.gate.set()
            assert (await client.get("/wait/one")).json() == {"wait": "done"}

    asyncio.run(scene())


def test_the_end_of_the_lifespan_leaves_what_runs_resumable(tmp_path: Path) -> None:
    """Law: leaving never cancels; the next start of the application takes the run up again."""
    db = tmp_path / "web.db"

    async def scene() -> str:
        service = Service(db)
        async with ActorSystem(db, actions=service.actions()) as system:
            await system.flows.astart(WAITING, run_id="one")
            await service.began.wait()
            await system.astop(grace_s=0)
        with ActorSystem.look(db) as here:
            state = here.flows.report("one").state
        service.gate.set()
        async with ActorSystem(db, actions=service.actions(), recover=False) as system:
            run = await system.flows.aresume("one")
            assert await run == {"wait": "done"}
        return state

    assert asyncio.run(scene()) in ("running", "pending")
