"""``since``: an age or a moment, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from dagger_actors.errors import RequestError
from dagger_actors.reading.since import since_us

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("30min", NOW - timedelta(minutes=30)),
        ("1.5h", NOW - timedelta(minutes=90)),
        (" 2 h ", NOW - timedelta(hours=2)),
        ("7d", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(days=14)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T08:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("2026-11-20T08:30+01:00", datetime(2026, 11, 20, 7, 30, tzinfo=UTC)),
        ("2026-11-20 08:30:15.5", datetime(2026, 11, 20, 8, 30, 15, 500_000, tzinfo=UTC)),
        (timedelta(hours=1), NOW - timedelta(hours=1)),
        (datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),  # noqa: DTZ001 - naive on purpose
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2))), datetime(2025, 12, 31, 22, tzinfo=UTC)),
        ("1901-01-01", datetime(1970, 1, 1, tzinfo=UTC)),
        ("999999999w", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_ages_and_moments_are_read(since, moment) -> None:
    """Law: without a zone it is UTC, as all times shown are."""
    assert datetime.fromtimestamp(since_us(since, NOW_US) / 1e6, UTC) == moment


@pytest.mark.parametrize("since", ["", "2", "h", "-2h", "2y", "yesterday", "2026-13-01", "1e9h", "x" * 500, 5, None])
def test_anything_else_is_refused_with_examples(since) -> None:
    """Law: one sentence, with what would do."""
    with pytest.raises(RequestError, match="for example 90s, 30m, 2h"):
        since_us(since, NOW_US)
