"""How many turns stand in one shift."""

from __future__ import annotations

from dagger_actors.pubsub.machine.shift_size import AIM_US, MOST, ShiftSize


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
