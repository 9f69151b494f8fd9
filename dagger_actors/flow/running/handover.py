"""What a flow supervisor is handed: the services all share, and a machine that is ready to go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dagger_actors.core.awaits import Kind, Outside
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.core.protocols import Clock, Journal, Timers
from dagger_actors.flow.machine.events import Event
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.running.orders import OrderReader
from dagger_actors.flow.running.starter import Starter

__all__ = ["Opening", "Services"]


class Services:
    """What every supervisor of a system shares.

    Args:
        clock: The time.
        timers: One-shot timers.
        journal: The writer.
        breathe: Lets others work for a moment.
        outside: Bring what nodes await, by its kind.
        reserve_run_keys: Reserves keys for runs of flows; told when there are some, or why there are none.
        appended: Told of messages that actions have published, after the commit, with what became of each.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timers: Timers,
        journal: Journal,
        breathe: Callable[[], None],
        outside: Mapping[Kind, Outside],
        reserve_run_keys: Callable[[Callable[[Any, Exception | None], None]], None],
        appended: Callable[[Sequence[NewMessage], Sequence[Appended]], None],
    ) -> None:
        self.appended = appended
        self.breathe = breathe
        self.outside = outside
        self.reserve_run_keys = reserve_run_keys
        self.clock = clock
        self.timers = timers
        self.journal = journal


class Opening:
    """A machine brought to where the file says its run stands, ready to go on.

    Attributes:
        machine: Restored, nothing applied yet.
        orders: Reads what attempts tell the run to do.
        starter: Makes the body actors of this machine's grants.
        opened: The event that sets it going.
        ends: Completions that were told and not committed, to be applied first thing.
        unskip: Whether what was skipped is forgotten (a retry).
        redone: Nodes that are run again though they had succeeded: their steps are forgotten.
    """

    def __init__(
        self,
        *,
        machine: FlowMachine,
        starter: Starter,
        orders: OrderReader,
        opened: Event,
        ends: Sequence[bytes] = (),
        unskip: bool = False,
        redone: frozenset[int] = frozenset(),
    ) -> None:
        self.machine = machine
        self.starter = starter
        self.orders = orders
        self.opened = opened
        self.ends = tuple(ends)
        self.unskip = unskip
        self.redone = redone
