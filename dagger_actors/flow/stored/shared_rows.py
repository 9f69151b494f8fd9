"""What a fork shares with another run: its rows say in their reason which run has made them."""

from __future__ import annotations

from typing import Final

__all__ = ["maker_of", "shared_reason"]

SHARED: Final = "forked from "


def shared_reason(run_id: str, reason: str | None) -> str:
    """The reason of a row that is shared.

    Args:
        run_id: The run it is shared with.
        reason: The row's there: what that run has shared itself keeps its maker.
    """
    return f"{SHARED}{maker_of(reason) or run_id}"


def maker_of(reason: str | None) -> str | None:
    """The id of the run that has made what is shared; None = it is not shared."""
    return reason.removeprefix(SHARED) if reason is not None and reason.startswith(SHARED) else None
