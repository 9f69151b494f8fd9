"""Restart intensity, as OTP's manual has it."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_actors.core.intensity import record_restart

S = 1_000_000


@pytest.mark.parametrize(
    ("intensity", "period_s", "restarts_s", "gives_up_at"),
    [
        # "If more than MaxR number of restarts occur in the last MaxT seconds, the supervisor terminates."
        (1, 5, [0], None),
        (1, 5, [0, 4], 4),
        (3, 5, [0, 1, 2], None),
        (3, 5, [0, 1, 2, 3], 3),
        (3, 5, [0, 0, 0, 0], 0),
        # Burst and steady failure: "if you set intensity to 10 and period to 1 ... the process may crash ten times a second".
        (10, 1, [at / 10 for at in range(100)], 1.0),
        (10, 1, [at / 9 for at in range(100)], None),
        # intensity 0: the first restart is one too many.
        (0, 5, [7], 7),
        # The window slides, both of its ends included.
        (1, 10, [0, 10], 10),
        (1, 10, [0, 10.000001, 20.000002], None),
    ],
)
def test_more_restarts_than_intensity_within_the_period_end_it(
    intensity: int, period_s: float, restarts_s: list[float], gives_up_at: float | None
) -> None:
    """The table of the manual, "Maximum Restart Intensity" and "Tuning the Intensity and Period"."""
    restarts: deque[int] = deque()
    for at_s in restarts_s:
        is_over = record_restart(restarts, round(at_s * S), intensity=intensity, period_us=round(period_s * S))
        if is_over:
            assert at_s == gives_up_at
            return
    assert gives_up_at is None


@given(
    gaps=st.lists(st.integers(0, 10), max_size=30),
    intensity=st.integers(0, 5),
    period_us=st.integers(1, 20),
)
def test_it_agrees_with_counting_all_restarts_anew(gaps: list[int], intensity: int, period_us: int) -> None:
    """What has left the window is forgotten and never missed; the newest comes first."""
    restarts: deque[int] = deque()
    everything: list[int] = []
    now = 0
    for gap in gaps:
        now += gap
        everything.append(now)
        is_over = record_restart(restarts, now, intensity=intensity, period_us=period_us)
        recent = [time for time in everything if now - time <= period_us]
        assert list(restarts) == recent[::-1]
        assert is_over == (len(recent) > intensity)
