"""The borders of a simulation that plain code crosses without the event loop: sockets, processes, executors, real sleeps.

Python's audit events tell of sockets and processes, whoever opens them (https://docs.python.org/3/library/audit_events.html);
for what has none, the function is replaced while a simulation is open. Only code in a turn is refused: the test itself may do
as it likes. Not seen: what was imported by its name before (``from time import sleep``, before Python 3.13), threads, files.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

from dagger_actors.testing.outside import OWN_EXECUTOR, PROCESS, SLEEP, SOCKET, Refusal

__all__ = ["Guarded", "guard", "unguard"]

AUDITED: dict[str, Refusal] = {
    "os.exec": PROCESS,
    "os.fork": PROCESS,
    "os.forkpty": PROCESS,
    "os.posix_spawn": PROCESS,
    "os.spawn": PROCESS,
    "os.system": PROCESS,
    "pty.spawn": PROCESS,
    "subprocess.Popen": PROCESS,
    "socket.bind": SOCKET,
    "socket.connect": SOCKET,
    "socket.getaddrinfo": SOCKET,
    "socket.gethostbyaddr": SOCKET,
    "socket.gethostbyname": SOCKET,
    "socket.getnameinfo": SOCKET,
    "socket.sendmsg": SOCKET,
    "socket.sendto": SOCKET,
}


class Guarded(Protocol):
    """What the border guard needs of a world.

    Attributes:
        thread: The thread that plays all threads at this moment.
        refuses_outside: Whether it refuses what leads out.
    """

    thread: int
    refuses_outside: bool

    @property
    def is_stepping(self) -> bool:
        """Whether this is inside of a turn."""
        ...


class Replaced(NamedTuple):
    """A function that is another one while a simulation is open."""

    owner: Any
    name: str
    what: str
    refusal: Refusal
    allows: Callable[..., bool]


REPLACED = (
    Replaced(time, "sleep", "`time.sleep`", SLEEP, lambda seconds: seconds == 0),
    Replaced(ThreadPoolExecutor, "submit", "a `ThreadPoolExecutor`", OWN_EXECUTOR, lambda *_given, **_named: False),
    Replaced(ProcessPoolExecutor, "submit", "a `ProcessPoolExecutor`", PROCESS, lambda *_given, **_named: False),
)

_guarded: list[Guarded] = []
_originals: list[Any] = []
_lock = threading.Lock()


def guard(world: Guarded) -> None:
    """Refuse, from now on, what code in a turn of this world must not do."""
    with _lock:
        if not _guarded:
            _originals[:] = [getattr(one.owner, one.name) for one in REPLACED]
            for one, original in zip(REPLACED, _originals, strict=True):
                setattr(one.owner, one.name, _refusing(one, original))
        _guarded.append(world)
    _listen()


def unguard(world: Guarded) -> None:
    """Refuse nothing of this world any more."""
    with _lock:
        if world not in _guarded:
            return
        _guarded.remove(world)
        if not _guarded:
            for one, original in zip(REPLACED, _originals, strict=True):
                setattr(one.owner, one.name, original)


@functools.cache
def _listen() -> None:
    sys.addaudithook(_hear)  # for good: Python has no way to take one back


def _hear(event: str, _given: object) -> None:
    if _guarded and event in AUDITED:
        _refuse_in_turn(f"`{event}`", AUDITED[event])


def _refusing(one: Replaced, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def refuse(*given: Any, **named: Any) -> Any:
        if not one.allows(*given, **named):
            _refuse_in_turn(one.what, one.refusal)
        return original(*given, **named)

    return refuse


def _refuse_in_turn(what: str, refusal: Refusal) -> None:
    me = threading.get_ident()
    for world in tuple(_guarded):
        if world.refuses_outside and world.is_stepping and world.thread == me:
            raise refusal.error(what)
