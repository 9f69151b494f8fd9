"""How the commands that only look open a database: without what running takes, whose loading would double their time."""

from __future__ import annotations

import time

from dagger_actors.cli.options import existing
from dagger_actors.inspection import Inspection

__all__ = ["look"]


def look(db: str) -> Inspection:
    """Look at a database.

    Raises:
        UsageError: It is not there.
        StoreError: It cannot be read.
    """
    return Inspection(existing(db), now_us=lambda: time.time_ns() // 1000)
