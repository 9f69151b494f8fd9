"""``since``: a length of time before now, or a moment, as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dagger_actors.core.wording import indefinite
from dagger_actors.errors import RequestError

__all__ = ["since_us"]

AGE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|m|min|h|d|w)")
SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
EXAMPLES = "for example 90s, 30m, 2h, 7d, 2026-11-20 or 2026-11-20T08:30+01:00"


def since_us(since: str | datetime | timedelta, now_us: int) -> int:
    """Read a moment.

    Args:
        since: An age (``90s``, ``30m``, ``2h``, ``7d``, ``2w``), a date or a time in ISO 8601, or the object of either. A
            time without a zone is UTC, as all times shown are.
        now_us: The time now, microseconds UTC.

    Returns:
        The moment, microseconds UTC; 0 for what lies before 1970.

    Raises:
        RequestError: It is none of these; gives examples.
    """
    if isinstance(since, str):
        text = since.strip()
        if age := AGE.fullmatch(text):
            return max(0, now_us - round(float(age[1]) * SECONDS[age[2]] * 1e6))
        try:
            since = datetime.fromisoformat(text)
        except ValueError:
            raise RequestError(f"since {text[:40]!r} is neither an age nor a date; {EXAMPLES}") from None
    if isinstance(since, timedelta):
        return max(0, now_us - round(since.total_seconds() * 1e6))
    if isinstance(since, datetime):
        moment = since if since.tzinfo is not None else since.replace(tzinfo=UTC)
        # In whole microseconds: a float of seconds has not the digits.
        return max(0, (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
    raise RequestError(f"since is text, a datetime or a timedelta, not {indefinite(type(since).__name__)}; {EXAMPLES}")
