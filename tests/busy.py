"""What the slices of tests allow for the rest of the machine."""

from __future__ import annotations

BUSY = 4
"""How many times what is promised may take in a slice: it runs beside another worker of pytest, and whoever else is there.

A slice so sees what waits for a time-out, not what has become slower. The full form, alone on a machine, holds the promise.
"""

BEGUN_S = 1.0
"""A time-out that ends no body before it has begun: it counts from the grant, and a thread of a busy machine may come later."""

COMMAND_S = 120.0
"""A process that has not ended by then hangs: its imports alone take seconds where several others want the same cores."""
