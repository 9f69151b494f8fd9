"""Says what a command waits for while it leaves its system: code on threads that does not end.

A thread cannot be killed, so leaving gives such code some seconds; without a word that looks like a command that hangs.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dagger_actors.cli.text import printable
from dagger_actors.cli.watch import Interrupts
from dagger_actors.system import ActorSystem

__all__ = ["SAID_AFTER_S", "leaving", "waits_for"]

SAID_AFTER_S: Final = 1.0
NAMED: Final = 3


@contextlib.contextmanager
def leaving(system: ActorSystem, interrupts: Interrupts, after_s: float = SAID_AFTER_S) -> Iterator[None]:
    """Leave the system behind the block, with a word when that takes long; Ctrl-C then ends the process at once.

    Args:
        system: Left already when the block has stopped it.
        interrupts: Entered.
        after_s: Seconds before anything is said.
    """
    try:
        yield
    finally:
        with saying(system.bodies, interrupts, after_s):
            system.stop()


@contextlib.contextmanager
def saying(
    bodies: Callable[[], Sequence[str]], interrupts: Interrupts, after_s: float = SAID_AFTER_S
) -> Iterator[None]:
    """Say what is waited for when the block takes longer than ``after_s``."""

    def say() -> None:
        if names := bodies():
            interrupts.ends_at_once = True
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(printable(waits_for(names)) + "\n")
                sys.stderr.flush()

    timer = threading.Timer(after_s, say)
    timer.name, timer.daemon = "leaving", True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def waits_for(names: Sequence[str]) -> str:
    """Write the bodies that have not ended as one sentence, the first ``NAMED`` by name."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return (
        f"waiting for code that has not ended: {', '.join(names[:NAMED])}{more}; "
        "in some seconds it is left behind, Ctrl-C leaves it now"
    )
