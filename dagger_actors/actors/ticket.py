"""One granted attempt on its way through a gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from dagger_actors.core.protocols import Dispatcher, Runnable

__all__ = ["State", "Ticket"]

State = Literal["queued", "admitted", "ended", "abandoned", "done"]


class Ticket:
    """One granted attempt on its way.

    Args:
        run_key: The run.
        node: Position of the node in the definition.
        item: Position of the map item; -1 is the node itself.
        attempt: From 1.
        priority: Lower goes first.
        runnable: The body actor's mailbox.
        dispatcher: Who gives it its turn.
        is_thread: Whether its body holds a thread of the system; False on the loop.
        is_process: Whether its body holds a worker process instead; not together with ``is_thread``.
        on_admit: Called right before it is scheduled, outside of the lock; arms its time-out. Must not block.

    Attributes:
        state: ``queued`` until it is admitted; ``ended`` when its body is over and its end not yet committed;
            ``abandoned`` when its attempt was ended and its body goes on; ``done`` when its body is over for good.
        slot: Its record in the slot file; -1 without one.
        has_failed: Whether its body has ended as no success, which holds the gate once.
        started_us: Wall time of the admission, microseconds UTC; 0 before.
    """

    __slots__ = (
        "attempt",
        "dispatcher",
        "has_failed",
        "is_process",
        "is_thread",
        "item",
        "keeps_place",
        "node",
        "on_admit",
        "priority",
        "run_key",
        "runnable",
        "slot",
        "started_us",
        "state",
    )

    def __init__(
        self,
        run_key: int,
        node: int,
        item: int,
        attempt: int,
        runnable: Runnable,
        dispatcher: Dispatcher,
        *,
        is_thread: bool,
        is_process: bool = False,
        priority: int = 0,
        on_admit: Callable[[Ticket], None] | None = None,
    ) -> None:
        self.run_key = run_key
        self.node = node
        self.item = item
        self.attempt = attempt
        self.priority = priority
        self.runnable = runnable
        self.dispatcher = dispatcher
        self.is_thread = is_thread
        self.is_process = is_process
        self.on_admit = on_admit
        self.state: State = "queued"
        self.slot = -1
        self.started_us = 0
        self.keeps_place = False
        self.has_failed = False

    def __repr__(self) -> str:
        return f"<Ticket {self.run_key}/{self.node}/{self.item}/{self.attempt} {self.state}>"
