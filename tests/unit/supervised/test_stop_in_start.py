"""An actor that ends itself while it starts has started first: its supervisor hears the one, then the other."""

from __future__ import annotations

import asyncio

import pytest

from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.context import ActorContext
from dagger_actors.supervised.handlers import handler
from tests.unit.supervised.conftest import VirtualStage


class Brief(Actor):
    @handler
    def take(self, message: str) -> None:
        raise AssertionError(message)

    def started(self, ctx: ActorContext) -> None:
        ctx.stop()


class BriefAwaiting(Brief):
    async def started(self, ctx: ActorContext) -> None:
        ctx.stop()
        await asyncio.sleep(1.0)


class BriefByRef(Brief):
    def started(self, ctx: ActorContext) -> None:
        ctx.ref.stop(block=False)


@pytest.mark.parametrize("cls", [Brief, BriefAwaiting, BriefByRef])
def test_an_actor_that_ends_itself_while_it_starts_is_told_as_started_and_then_as_ended(
    stage: VirtualStage, cls: type[Actor]
) -> None:
    """Law: ``Started`` comes before ``Exited``, as the machine of its supervisor wants it; else it is a failed start."""
    stage.keep(cls)
    stage.settle()
    stage.advance(2.0)
    assert [what[1:] for what in stage.keeper.has_heard()] == [("started", 1, None), ("exited", 1, "normal")]
