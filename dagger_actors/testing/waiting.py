"""Says what a simulated world still waits for: whoever reads that a test hangs must not have to guess where."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["still_waiting"]

MOST_SHOWN = 20
"""Lines of one message; of the rest it gives the number."""

LONGEST_LINE = 200
LARGEST_NUMBER = 2**32
"""What is larger in the key of a timer is the address of an object, and says nothing."""

PACKAGE = str(Path(__file__).parents[1])
STUBS = str(Path(__file__).with_name("stubs.py"))
ASYNCIO = str(Path(asyncio.__file__).parent)


def still_waiting(
    *,
    loops: Mapping[str, asyncio.AbstractEventLoop],
    bodies: Iterable[tuple[str, str]],
    turns: Iterable[tuple[str, str]],
    timers: Iterable[tuple[str, object, int]],
    frozen: Iterable[str],
) -> str:
    """Say what is not over yet, ``MOST_SHOWN`` lines at most.

    Args:
        loops: The event loops by worker; of their tasks those are told that users' code waits in.
        bodies: Plain functions in their middle: worker and name.
        turns: Turns that could run at once: worker and name.
        timers: Worker, key, and in how many microseconds it is due; the next one first.
        frozen: Workers that are stopped.
    """
    found = [f"{worker}: coroutine {place}" for worker, loop in sorted(loops.items()) for place in _places(loop)]
    found += [f"{worker}: {name}, in its middle" for worker, name in sorted(bodies)]
    for (worker, name), count in sorted(Counter(turns).items()):
        found.append(f"{worker}: turn of {name}" + (f", {count:,} times" if count > 1 else ""))
    found += [f"{worker}: timer {_spelled(key)}, due in {in_us / 1e6:g} s" for worker, key, in_us in timers]
    found += [f"{worker}: is frozen" for worker in sorted(frozen)]
    if not found:
        return "nothing is waiting any more"
    shown = [f"  {line[:LONGEST_LINE]}" for line in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        shown.append(f"  and {len(found) - MOST_SHOWN:,} more")
    return "\n".join(["still waiting:", *shown])


def _spelled(key: object) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return " ".join(str(part) for part in parts if not (isinstance(part, int) and part > LARGEST_NUMBER))


def _places(loop: asyncio.AbstractEventLoop) -> list[str]:
    return sorted(place for task in asyncio.all_tasks(loop) if (place := _place_of(task)) is not None)


def _place_of(task: asyncio.Task[Any]) -> str | None:
    """Where the outermost code of a user's stands in a task; None when there is none of it."""
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None)
        if frame is not None and _is_users(frame.f_code.co_filename):
            return f"{awaited.__qualname__} ({frame.f_code.co_filename}:{frame.f_lineno})"
        awaited = getattr(awaited, "cr_await", None)
    return None


def _is_users(file: str) -> bool:
    return file == STUBS or not file.startswith((PACKAGE, ASYNCIO))
