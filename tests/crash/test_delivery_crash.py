"""A12 for deliveries: ``kill -9`` while a handler runs, and what another process makes of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from dagger_actors.store.ownership import LEASE_US
from tests.crash.stage import PATIENCE_S, Stage
from tests.crash.test_channel_race import Party


def begun(stage: Stage) -> list[tuple[int, int]]:
    """Number and process of each turn, in order."""
    lines = [line.split(" ") for line in stage.log.read_text().splitlines()]
    return [(int(number), int(pid)) for _, _, number, _, pid in lines]


@pytest.mark.parametrize("limit_s", [LEASE_US / 2e6, pytest.param(1.0, marks=pytest.mark.full)])
def test_a_message_whose_handler_was_killed_is_delivered_again_elsewhere_within_a_second(
    stage: Stage, figure: Callable[[str], None], limit_s: float
) -> None:
    """Law: A12; the death is counted for that message alone; what each wrote is there once, in order.

    The slice sees whether a lease is waited for, whatever else this machine does; the full form holds the second.
    """
    party = Party(stage, "gated")
    members = party.members(2)
    orders = [(1, "a", "-", 0), (2, "a", "waits", 0), (3, "a", "-", 0)]
    members[0].send(orders=orders)
    members[0].answer("published")
    party.wait_until(lambda: len(begun(stage)) == 2)
    (victim,) = (one for one in members if one.pid == begun(stage)[1][1])
    (other,) = (one for one in members if one is not victim)
    victim.kill()
    killed = time.monotonic()
    assert Party.is_soon(lambda: len(begun(stage)) == 4, PATIENCE_S), party.story()
    seconds = time.monotonic() - killed
    assert begun(stage)[2:] == [(1, other.pid), (2, other.pid)], "what stood in its shift was not committed either"
    assert stage.query("SELECT offset, try_no, crash_no FROM deliveries") == [(1, 1, 1)]
    stage.log.with_name(stage.log.name + ".gate").touch()
    party.wait_for_effects(3)
    party.leave(other)
    assert [number for number, _ in begun(stage)] == [1, 2, 1, 2, 3]
    assert stage.query("SELECT number FROM effects ORDER BY effect_key") == [(1,), (2,), (3,)]
    assert stage.query("SELECT * FROM deliveries") == []
    assert stage.query("SELECT * FROM dead_letters") == []
    figure(f"channels: {seconds:.2f} s from a death to the next turn of what it had begun")
    assert seconds < limit_s
