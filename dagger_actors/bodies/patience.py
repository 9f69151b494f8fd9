"""How long whoever waits does so."""

from __future__ import annotations

from dagger_actors.errors import RequestError

__all__ = ["check_timeout"]

LONGEST_S = 1e9
"""Some thirty years."""


def check_timeout(timeout: object) -> None:
    """Refuse what is no time to wait; one that is over by now is.

    Raises:
        RequestError: It is neither None nor a number of seconds.
    """
    if timeout is None or (isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout <= LONGEST_S):
        return
    raise RequestError(f"timeout takes seconds, or None for as long as it takes, not {timeout!r:.80}")
