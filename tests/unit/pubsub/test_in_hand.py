"""How much of a channel a process has in memory."""

from __future__ import annotations

import asyncio

import msgspec

from dagger_actors import Channel, Subscriber, subscribe
from dagger_actors.testing import simulate

MIB = 1024 * 1024


class Large(msgspec.Struct, frozen=True):
    text: str


LARGE = Large("x" * (MIB - len('{"text":""}')))


class Slow(Subscriber):
    @subscribe("large", order="none", concurrency=100)
    async def take(self, large: Large) -> None:
        await asyncio.sleep(10)


def test_of_large_messages_no_more_than_64_mib_are_in_hand_whatever_the_window_says() -> None:
    """Law: a window counts messages, and there may be a thousand of a mebibyte each; the others come when there is room."""
    with simulate(1) as sim:
        system = sim.system(agents=[Slow], channels=[Channel("large", Large)])
        system.channels.publish_many("large", [LARGE] * 70)
        sim.settle()
        (seat,) = system._paradigms.channel_hub._seats
        assert len(seat.supervisor._intake) == 64
        assert system.run_until().handled == 70
        assert len(seat.supervisor._intake) == 0
