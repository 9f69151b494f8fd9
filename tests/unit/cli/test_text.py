"""Text for terminals: hostile characters are shown, not obeyed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.cli.text import duration, one_line, printable, shorten, when


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x9b2J", "\\x9b2J"),
        ("over\rwritten", "over\\rwritten"),
        ("back\x08", "back\\x08"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066x", "\\u2066x"),
        ("\ud800", "\\ud800"),
        ("naïve 名前\ttab\nline", "naïve 名前\ttab\nline"),
    ],
)
def test_what_would_steer_a_terminal_is_escaped(hostile: str, shown: str) -> None:
    """Law: controls and bidirectional overrides appear as escapes; letters of any script, tabs and newlines stay."""
    assert printable(hostile) == shown


@given(st.text(alphabet=st.characters()))
def test_no_control_character_survives_in_one_line(text: str) -> None:
    """Law: one_line is one line, without any C0, DEL or C1 character, and can be encoded."""
    line = one_line(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)
    assert len(line.splitlines()) <= 1
    line.encode()


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_shortened_text_has_at_most_the_given_length(text: str, longest: int) -> None:
    """Law: what fits stays; what does not ends in an ellipsis."""
    cut = shorten(text, longest)
    assert len(cut) <= longest
    assert cut == text or cut.endswith("…")


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (None, ""),
        (0, "0.000 s"),
        (12_000, "0.012 s"),
        (3_240_000, "3.2 s"),
        (59_940_000, "59.9 s"),
        (59_999_999, "1 min 00 s"),
        (245_000_000, "4 min 05 s"),
        (3_599_700_000, "1 h 00 min"),
        (7_380_000_000, "2 h 03 min"),
        (428_400_000_000, "4 d 23 h"),
    ],
)
def test_a_duration_is_written_in_the_unit_people_would_use(us: int | None, text: str) -> None:
    """Law: rounding never shows sixty of a unit."""
    assert duration(us) == text


def test_a_time_is_written_in_utc() -> None:
    """Law: the machine's time zone does not change what is shown."""
    assert when(1_700_000_000_000_000) == "2023-11-14 22:13:20"
    assert when(None) == ""
