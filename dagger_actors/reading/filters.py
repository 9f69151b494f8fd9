"""What filters of lists may say."""

from __future__ import annotations

from collections.abc import Sequence

from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import RequestError

__all__ = ["LISTED", "check_limit", "states_of"]

LISTED = 1000
"""How many a list shows when nothing is said."""


def check_limit(limit: int) -> None:
    """Refuse what is no limit.

    Raises:
        RequestError: It is not 1 or more.
    """
    if type(limit) is not int or not 1 <= limit < 2**63:
        raise RequestError(f"limit is a whole number, 1 or more, not {quoted(limit)}")


def states_of(state: str | Sequence[str], known: Sequence[str], noun: str) -> tuple[str, ...]:
    """The states that a filter names.

    Args:
        state: One, or several; empty = any.
        known: All there are.
        noun: Of what, for the error.

    Raises:
        RequestError: There is no such state; names the nearest.
    """
    states = (state,) if isinstance(state, str) else tuple(dict.fromkeys(state))
    for one in states:
        if one not in known:
            near = nearest(str(one), known)
            hint = f" (did you mean {near!r}?)" if near else ""
            raise RequestError(f"no {noun} is ever {quoted(one)}{hint}; its state is one of {', '.join(known)}")
    return states
