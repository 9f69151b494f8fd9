"""What most actors never have, and what an incarnation leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dagger_actors.supervised.wire import Letter

if TYPE_CHECKING:
    from dagger_actors.supervised.handlers import Handler
    from dagger_actors.supervised.lifecycle import Lifecycle

__all__ = ["Extra", "Past"]


class Extra:
    """What most actors never have; made when it is first wanted.

    Attributes:
        batch: The batch handler that gathers, the letters, and the messages in them.
        error: What its last incarnation failed with.
        timers: By key, the number of the timer that counts.
        watchers: Who is told when it has stopped for good, and the number of the watch.
        watching: Whose end it is told of, and the number of the watch that counts.
        children: Whom it has spawned, who do not outlive the incarnation.
    """

    __slots__ = ("batch", "children", "error", "timers", "watchers", "watching")

    def __init__(self) -> None:
        self.batch: tuple[Handler, list[Letter], list[object]] | None = None
        self.error: BaseException | None = None
        self.timers: dict[object, int] = {}
        self.watchers: dict[Lifecycle, int] = {}
        self.watching: dict[Lifecycle, int] = {}
        self.children: dict[Lifecycle, None] = {}

    def take_past(self, incarnation: int) -> tuple[Past, list[Letter]]:
        """Take what an incarnation leaves that is over, and the letters of the batch that it has gathered."""
        past = Past(incarnation, self.timers, self.watching, self.children)
        self.timers, self.watching, self.children = {}, {}, {}
        batch, self.batch = self.batch, None
        return past, [] if batch is None else batch[1]


class Past(NamedTuple):
    """What an incarnation that is over leaves to be tidied up.

    It is taken in the same instant as the end is claimed: the next incarnation may begin, on another thread, before the
    end of this one has been told, and nothing of that one must be taken for this one's.

    Attributes:
        incarnation: Which one.
        timers: The numbers of its timers, by key.
        watching: Whose end it was to be told of, and the numbers of the watches.
        children: Whom it has spawned.
    """

    incarnation: int
    timers: dict[object, int]
    watching: dict[Lifecycle, int]
    children: dict[Lifecycle, None]
