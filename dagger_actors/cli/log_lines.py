"""What actions log, and the package warns of, as lines that a person sees."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Self

from dagger_actors.cli.text import printable

__all__ = ["LogLines", "say"]


def say(text: str) -> None:
    """Write a line to stderr; while a live table is shown, rich puts it above that."""
    sys.stderr.write(f"{printable(text)}\n")


class LogLines(logging.Handler):
    """Shows what actions say with ``ctx.log``, at INFO and above, and what the package warns of, while it is entered.

    Args:
        tell: Shows some lines.
    """

    ACTIONS = "dagger_actors.run"
    ALL = "dagger_actors"

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        text = self.format(record)
        self._tell(text if record.name == self.ACTIONS else f"{record.levelname.lower()}: {text}")

    def __enter__(self) -> Self:
        logging.getLogger(self.ACTIONS).setLevel(logging.INFO)
        logging.getLogger(self.ALL).addHandler(self)
        return self

    def __exit__(self, *exc: object) -> None:
        logging.getLogger(self.ALL).removeHandler(self)
