"""What leads out of a simulation, why no seed repeats what comes from there, and how the virtual loop refuses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from dagger_actors.testing.errors import CannotSimulate

__all__ = ["FOREIGN_THREAD", "OWN_EXECUTOR", "PROCESS", "SLEEP", "SOCKET", "Refusal", "refuses_the_outside"]

C = TypeVar("C", bound=type)


class Refusal(NamedTuple):
    """Why something cannot be simulated, and what to do instead."""

    why: str
    instead: str

    def error(self, what: str) -> CannotSimulate:
        """Make the error for one way to do it."""
        return CannotSimulate(what, self.why, self.instead)


STUB_IT = "Stub the action or the handler that needs it (`sim.stub`, `sim.stub_handler`)"

SOCKET = Refusal(
    "a socket belongs to the real world, which answers when it likes and differently each time",
    f"{STUB_IT}, or give the action something that speaks without one (`sim.system(resources=...)`).",
)
PROCESS = Refusal(
    "another process runs on real time, and no seed decides what it does",
    f"{STUB_IT}; test what starts processes with a real `ActorSystem`.",
)
SIGNAL = Refusal(
    "signals go to the whole process that plays all the workers",
    "To kill a worker use `sim.kill`, to stop it `sim.freeze`; test handlers of signals in a process of their own.",
)
OWN_EXECUTOR = Refusal(
    "its threads run when they like",
    "Use `await asyncio.to_thread(...)`, or `run_in_executor` with None: here that is a turn which the seed gives. "
    'A plain handler of an actor with `dispatcher = "blocking"`, and a plain action, may just do the work.',
)
SLEEP = Refusal(
    "it holds up everything for real, and no virtual time passes",
    "In a coroutine use `await asyncio.sleep(...)`, in an actor a timer (`ctx.timers.once`); "
    "or stub what sleeps (`sim.stub`, `sim.stub_handler`, with `takes_s`).",
)
FOREIGN_THREAD = Refusal(
    "the simulation plays all threads in turns, and no seed decides when a real one runs",
    "Start no threads under a simulation; use `await asyncio.to_thread(...)`, which is a turn.",
)

REFUSED: dict[Refusal, tuple[str, ...]] = {
    SOCKET: (
        "add_reader",
        "add_writer",
        "connect_accepted_socket",
        "connect_read_pipe",
        "connect_write_pipe",
        "create_connection",
        "create_datagram_endpoint",
        "create_server",
        "create_unix_connection",
        "create_unix_server",
        "getaddrinfo",
        "getnameinfo",
        "sendfile",
        "sock_accept",
        "sock_connect",
        "sock_recv",
        "sock_recv_into",
        "sock_recvfrom",
        "sock_recvfrom_into",
        "sock_sendall",
        "sock_sendfile",
        "sock_sendto",
        "start_tls",
    ),
    PROCESS: ("subprocess_exec", "subprocess_shell"),
    SIGNAL: ("add_signal_handler",),
    OWN_EXECUTOR: ("set_default_executor",),
}


def refuses_the_outside(loop_class: C) -> C:
    """Let every method of an event loop that leads out of the simulation raise ``CannotSimulate``, at the call."""
    for refusal, names in REFUSED.items():
        for name in names:
            setattr(loop_class, name, _refusing(name, refusal))
    return loop_class


def _refusing(name: str, refusal: Refusal) -> Callable[..., Any]:
    def refuse(_loop: object, *_args: object, **_options: object) -> Any:
        raise refusal.error(f"`loop.{name}`")

    refuse.__name__ = name
    return refuse
