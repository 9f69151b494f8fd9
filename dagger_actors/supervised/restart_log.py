"""What the log says of restarts, and of supervisors that give up."""

from __future__ import annotations

import logging
from typing import Final

from dagger_actors.core import supervision as core
from dagger_actors.core.log_fields import LogFields

__all__ = ["is_logged", "log_restart"]

logger = logging.getLogger("dagger_actors.actors")

LEVELS: Final = {core.Restarting: logging.WARNING, core.Restarted: logging.INFO, core.GaveUp: logging.ERROR}


Told = core.Restarting | core.Restarted | core.GaveUp


def is_logged(command: Told) -> bool:
    """Tell whether anybody reads it: else nobody need put the text together."""
    return logger.isEnabledFor(LEVELS[type(command)])


def log_restart(command: Told, child: str, supervisor: str, period_s: float) -> None:
    """Log what a supervisor does about a child that has failed.

    Args:
        command: What it does.
        child: The child's name in the system.
        supervisor: Its own.
        period_s: The period of its intensity.
    """
    level = LEVELS[type(command)]
    match command:
        case core.Restarting():
            wait = f" in {command.delay_us / 1e6:g} s" if command.delay_us else ""
            fields = LogFields(actor=child, reason=command.reason)
            logger.log(level, "%s failed (%s) and is restarted%s", child, command.reason, wait, extra=fields)
        case core.Restarted():
            logger.log(level, "%s is up again", child, extra=LogFields(actor=child))
        case core.GaveUp():
            logger.log(
                level,
                "%s failed (%s), the last of %d failures within %g s: its supervisor %s gives up",
                child,
                command.reason,
                command.recent,
                period_s,
                supervisor,
                extra=LogFields(actor=child, reason=command.reason),
            )
