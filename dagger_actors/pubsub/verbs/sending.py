"""Messages on their way to the file: a thousand to a parcel, a few parcels at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from dagger_actors.bodies.asking import Asking, Await
from dagger_actors.core.channel_rows import NewMessage
from dagger_actors.core.channels import Appended
from dagger_actors.core.wording import counted
from dagger_actors.errors import ChannelFull, DaggerError, OutboxFull
from dagger_actors.pubsub.outgoing.outlet import Outlet
from dagger_actors.pubsub.outgoing.parcel import Parcel
from dagger_actors.pubsub.verbs.services import ChannelServices

__all__ = ["Sending"]

PARCEL = 1_000
"""Messages of one parcel."""

PARCEL_BYTES = 4 * 1024 * 1024

IN_FLIGHT = 8
"""Parcels that are handed over and not committed: enough that the journal is never idle, few enough that memory stays flat."""


class Sending:
    """Hands parcels over, and waits for what becomes of them.

    Args:
        services: Take them.
        outlet: Their channel.
        waits: Whether that is waited for at all.
        timeout_us: How long room is waited for, for each parcel.
    """

    def __init__(self, services: ChannelServices, outlet: Outlet, *, waits: bool, timeout_us: int) -> None:
        self._outbox = services.outbox
        self._clock = services.runtime.clock
        self._outlet = outlet
        self._waits = waits
        self._timeout_us = timeout_us
        self._flying: deque[Parcel] = deque()
        self._answers: list[Appended] = []
        self._taken = 0

    def run(self, messages: Sequence[NewMessage]) -> Asking[list[Appended]]:
        """Write them all; gives what became of each, and nothing when that is not waited for."""
        try:
            for part, size_bytes in _parts(messages):
                if len(self._flying) >= IN_FLIGHT:
                    yield from self._landing()
                yield from self._post(part, size_bytes)
            while self._flying:
                yield from self._landing()
        except DaggerError as error:
            if len(messages) > 1:
                yield from self._count_up(error, len(messages))
            raise
        return self._answers

    def _post(self, part: tuple[NewMessage, ...], size_bytes: int) -> Asking[None]:
        since_us = self._clock.now().mono_us
        until_us = since_us + self._timeout_us
        parcel = Parcel(
            self._outlet, part, size_bytes=size_bytes, waits=self._waits, since_us=since_us, until_us=until_us
        )
        while (room := self._outbox.post(parcel)) is not None:
            left_us = until_us - self._clock.now().mono_us
            if left_us <= 0:
                raise OutboxFull(*self._outbox.waiting)
            try:
                yield Await(room, left_us / 1e6)
            except TimeoutError:
                continue
        if self._waits:
            self._flying.append(parcel)
        self._taken += len(part)

    def _landing(self) -> Asking[None]:
        parcel = self._flying.popleft()
        try:
            self._answers += yield Await(parcel.future)
        except ChannelFull:
            self._taken -= len(parcel.rest)
            raise

    def _count_up(self, error: DaggerError, count: int) -> Asking[None]:
        """Others are on their way: whoever is told of the error must know what became of them."""
        while self._flying:
            parcel = self._flying.popleft()
            try:
                yield Await(parcel.future)
            except DaggerError:
                self._taken -= len(parcel.rest)
        if self._taken:
            error.add_note(f"{counted(self._taken, 'message')} of {count:,} were published all the same")


def _parts(messages: Sequence[NewMessage]) -> Iterator[tuple[tuple[NewMessage, ...], int]]:
    first, size_bytes = 0, 0
    for at, message in enumerate(messages):
        added = len(message.payload)
        if at - first == PARCEL or (at > first and size_bytes + added > PARCEL_BYTES):
            yield tuple(messages[first:at]), size_bytes
            first, size_bytes = at, 0
        size_bytes += added
    if first < len(messages):
        yield tuple(messages[first:]), size_bytes
