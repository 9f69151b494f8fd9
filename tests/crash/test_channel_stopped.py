"""FAULTS 11 for channels, on real processes: a member that is stopped past its lease, and goes on: one result of each turn."""

from __future__ import annotations

import os
import signal

import apsw

from tests.crash.stage import Child, Stage
from tests.crash.test_channel_race import Party
from tests.crash.test_delivery_crash import begun

LEASE_S = 1.0
ORDERS = [(1, "a", "-", 0), (2, "a", "waits", 0), (3, "a", "-", 0)]


def wait_until_stopped(child: Child) -> None:
    os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)


def stop_between_transactions(stage: Stage, child: Child) -> None:
    """Stop a process where it does not hold the write lock: else nobody could take over."""
    connection = apsw.Connection(str(stage.db))
    connection.set_busy_timeout(200)
    try:
        while True:
            child.process.send_signal(signal.SIGSTOP)
            wait_until_stopped(child)
            try:
                connection.execute("BEGIN IMMEDIATE; ROLLBACK")
            except apsw.BusyError:
                child.process.send_signal(signal.SIGCONT)
            else:
                return
    finally:
        connection.close()


def open_gate(stage: Stage) -> None:
    stage.log.with_name(stage.log.name + ".gate").touch()


def stop_whoever_waits(party: Party, members: list[Child]) -> tuple[Child, Child]:
    """Stop the member whose turn waits for the gate; it and the other one."""
    while True:
        party.wait_until(lambda: len(begun(party.stage)) > 1 and begun(party.stage)[-1][0] == 2)
        owner = begun(party.stage)[-1]
        (first,) = (one for one in members if one.pid == owner[1])
        (second,) = (one for one in members if one is not first)
        stop_between_transactions(party.stage, first)
        if begun(party.stage)[-1] == owner:
            return first, second
        first.process.send_signal(
            signal.SIGCONT
        )  # on a busy machine it had shown no beat for a lease, and lost its turn


def stopped_in_a_turn(stage: Stage, *, is_unfenced: bool) -> Party:
    """Stop the first member in the midst of a turn; the second one takes over, and the first goes on behind it."""
    party = Party(stage, "gated")
    members = party.members(2, lease_s=LEASE_S, is_unfenced=is_unfenced)
    members[0].send(orders=ORDERS)
    members[0].answer("published")
    first, second = stop_whoever_waits(party, members)
    before = len(begun(stage))
    party.wait_until(lambda: begun(stage)[-1] == (2, second.pid))
    assert {pid for _, pid in begun(stage)[before:]} == {second.pid}
    open_gate(stage)
    party.wait_for_effects(3)
    first.process.send_signal(signal.SIGCONT)
    # Its turn ends, and its first commit behind that has gone through or was refused when it has left.
    party.leave(first)
    party.leave(second)
    return party


def test_a_turn_whose_member_was_stopped_past_its_lease_is_refused_when_that_goes_on(stage: Stage) -> None:
    """Law: promise i: what was taken over has one result, its new owner's; nothing of the old turn is written."""
    party = stopped_in_a_turn(stage, is_unfenced=False)
    assert stage.query("SELECT number, count(*) FROM effects GROUP BY 1") == [(1, 1), (2, 1), (3, 1)]
    party.check_order()
    assert stage.query("SELECT * FROM dead_letters") == []
    assert [row[0] for row in stage.query("PRAGMA integrity_check")] == ["ok"]


def test_without_the_fence_the_same_turn_is_written_twice(stage: Stage) -> None:
    """The oracle is tested too: owner, member and epoch in the condition of ``cursors.put`` are what keeps it out."""
    stopped_in_a_turn(stage, is_unfenced=True)
    assert stage.query("SELECT count(*) > 1 FROM effects WHERE number = 2") == [(1,)]


def test_a_member_that_was_stopped_inside_a_transaction_ends_it_and_nobody_else_has_meanwhile(stage: Stage) -> None:
    """Law: nobody can write, so nobody takes over, however long that is; then each turn is there once."""
    party = Party(stage, "gated")
    first, second = party.members(2, lease_s=LEASE_S)
    first.send(stop_in_commit=True)
    first.answer("armed")
    first.send(orders=[(number, key, "-", 0) for number, key in enumerate("abcdefgh")])
    wait_until_stopped(first)
    second.send(orders=[(number, "z", "-", 0) for number in range(8, 16)])
    assert not party.is_soon(lambda: party.effects() > 0, 3 * LEASE_S)
    first.process.send_signal(signal.SIGCONT)
    party.wait_for_effects(16)
    party.leave(first, second)
    assert stage.query("SELECT count(*), count(DISTINCT number) FROM effects") == [(16, 16)]
    party.check_order()
