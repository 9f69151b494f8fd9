"""Names and numbers that every process must tell alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.core.channel_rows import RANGES, piece_of, place_of, private_channel, range_of


@given(st.integers(0, 2**56), st.integers(0, RANGES - 1))
def test_offset_and_range_are_told_by_one_number_that_a_slot_file_can_hold(offset: int, key_range: int) -> None:
    assert place_of(piece_of(offset, key_range)) == (offset, key_range)
    assert piece_of(offset, key_range) < 2**63


@given(st.text())
def test_every_key_has_one_of_the_ranges(key: str) -> None:
    assert 0 <= range_of(key) < RANGES


def test_the_private_channel_of_a_group_cannot_be_anothers() -> None:
    assert private_channel("g") == "@g"
