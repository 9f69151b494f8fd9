"""What the root does about runs inside others: whatever the file refuses is tried again, for nobody else would."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from functools import partial

from dagger_actors.core.log_fields import LogFields
from dagger_actors.errors import StoreError, SystemClosed
from dagger_actors.flow.running.awaited import Runs

__all__ = ["Errands"]

logger = logging.getLogger("dagger_actors.flow")

AGAIN_US = 1_000_000
"""How long to wait before the file, which could not be read, is asked again."""


class Errands:
    """Runs them on the root, one at a time.

    Args:
        hub: Has the root.
    """

    def __init__(self, hub: Runs) -> None:
        self._hub = hub

    def do(self, run_id: str, errand: Callable[[], None]) -> None:
        """Have something done that concerns a run, behind what is done already; any thread."""
        self._hub.errand(partial(self._try, run_id, errand))

    def do_later(self, run_id: str, errand: Callable[[], None]) -> None:
        """Have it done a while later; once, though it is said twice."""
        with contextlib.suppress(SystemClosed):
            self._set_due("later", run_id, errand)

    def _try(self, run_id: str, errand: Callable[[], None]) -> None:
        try:
            errand()
        except StoreError as error:
            fields = LogFields(run_id=run_id, reason=str(error))
            logger.warning("run %s cannot be looked at yet: %s", run_id, error, extra=fields)
            self._set_due(id(errand), run_id, errand)
        except SystemClosed:
            pass  # it is in the file, for whoever comes

    def _set_due(self, which: object, run_id: str, errand: Callable[[], None]) -> None:
        runtime = self._hub.runtime
        due_us = runtime.clock.now().mono_us + AGAIN_US
        runtime.timers.set((id(self), which, run_id), due_us, partial(self.do, run_id, errand))
