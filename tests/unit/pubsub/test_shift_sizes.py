"""How many turns stand in one shift."""

from __future__ import annotations

from collections.abc import Iterable

from dagger_actors.core.turns import Handled, NotTaken, TurnEnded
from dagger_actors.pubsub.machine.shift_size import AIM_US, MOST, ShiftSize
from dagger_actors.pubsub.members.shifts import spent_us


def ends(took_us: Iterable[int]) -> list[TurnEnded]:
    return [TurnEnded(1_000, 1_000 + one, Handled()) for one in took_us]


def test_quick_turns_stand_together_up_to_the_most() -> None:
    """Law: full shifts of quick turns double, up to the limit; one that was not full says nothing."""
    size = ShiftSize()
    sizes = []
    for _ in range(6):
        size.record(size.turns, 10 * size.turns)
        sizes.append(size.turns)
    assert sizes == [8, 16, 32, 64, 64, 64]
    assert sizes[-1] == MOST
    small = ShiftSize()
    small.record(1, 1)
    assert small.turns == 4


def test_one_slow_shift_is_enough_for_single_turns() -> None:
    """Law: after one shift far over the aim the next one holds what would have fitted; nothing is learnt from no turn."""
    size = ShiftSize()
    size.turns = MOST
    size.record(0, 10_000_000)
    assert size.turns == MOST
    size.record(MOST, MOST * AIM_US)
    assert size.turns == 1


def test_what_fits_stays() -> None:
    """Law: shifts about as long as they should be are left as they are."""
    size = ShiftSize()
    for _ in range(10):
        size.record(4, AIM_US)
    assert size.turns == 4


def test_what_a_busy_machine_adds_to_some_turns_of_a_shift_does_not_make_shifts_smaller() -> None:
    """Law: a few milliseconds here and there, for want of the interpreter, are not the handler's."""
    size = ShiftSize()
    for _ in range(10):
        few = size.turns // 4
        size.record(size.turns, spent_us(ends([20] * (size.turns - few) + [5_000 if few < 4 else 1_000] * few)))
    assert size.turns == MOST


def test_turns_that_are_slow_by_themselves_stand_alone_though_only_some_of_them_are() -> None:
    """Law: whatever waits behind a slow turn could be taken elsewhere; what was not taken says nothing."""
    for slow, quick in ((64, 0), (33, 31), (8, 56)):
        size = ShiftSize()
        size.turns = MOST
        size.record(MOST, spent_us(ends([20] * quick + [200_000] * slow)))
        assert size.turns == 1
    not_taken = TurnEnded(1_000, 900_000, NotTaken())
    assert spent_us([not_taken]) == 0
    assert spent_us([*ends([30, 30]), not_taken]) == 60
