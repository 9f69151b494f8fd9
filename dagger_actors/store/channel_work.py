"""How the store carries out each operation on channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import apsw

__all__ = ["CHANNEL_RUNS"]

CHANNEL_RUNS: Final[dict[type, Callable[[apsw.Connection, Any], Any]]] = {}
