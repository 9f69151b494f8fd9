"""Errors that say that the disk has refused something: whoever met one is not to blame, and another try may find it better."""

from __future__ import annotations

from typing import Final

from dagger_actors.errors import ReadOnlyDatabase, StoreBroken, StoreBusy, StoreFull

__all__ = ["OF_THE_DISK"]

OF_THE_DISK: Final = (StoreFull, StoreBusy, StoreBroken, ReadOnlyDatabase)
