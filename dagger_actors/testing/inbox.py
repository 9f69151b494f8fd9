"""The inbox of a probe: its actor's turns put messages in, its test takes them out and waits for more."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.errors import RequestError
from dagger_actors.testing.errors import NotAsExpected
from dagger_actors.testing.received import Received, Wanted, listed

if TYPE_CHECKING:
    from dagger_actors.supervised.post import Post
    from dagger_actors.supervised.wire import Answer

__all__ = ["Inbox"]

MOST_KEPT = 10_000
"""Messages that wait to be expected."""

REMEMBERED = 5
"""Messages expected before, that a failure shows."""


class Inbox:
    """What a probe has received; one thread waits at a time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a predicate may look at the probe
        self._waiting: deque[Received] = deque()
        self._expected: deque[Received] = deque(maxlen=REMEMBERED)
        self._unanswered: dict[Answer, None] = {}
        self._arrived = 0
        self._signal: ReplyFuture[None] | None = None
        self._is_over = False

    def open(self, name: str, post: Post) -> None:
        """Learn whose it is, and how its system waits."""
        self._name = name
        self._post = post

    def content(self) -> tuple[Received, ...]:
        """What waits to be expected, oldest first."""
        with self._lock:
            return tuple(self._waiting)

    # --- the actor's side

    def take(self, one: Received) -> None:
        """Put a message in.

        Raises:
            RequestError: There are too many.
        """
        with self._lock:
            if len(self._waiting) >= MOST_KEPT:
                raise RequestError(f"{MOST_KEPT:,} messages wait to be expected, which is all a probe keeps")
            self._waiting.append(one)
            if one.reply is not None:
                self._unanswered[one.reply] = None
            self._arrived += 1
            signal, self._signal = self._signal, None
        if signal is not None:
            signal.set(None)

    def end(self) -> tuple[Answer, ...]:
        """Nothing comes any more.

        Returns:
            The asks that nobody has answered.
        """
        with self._lock:
            self._is_over = True
            unanswered, self._unanswered = tuple(self._unanswered), {}
            signal, self._signal = self._signal, None
        if signal is not None:
            signal.set(None)
        return unanswered

    # --- the test's side

    def deadline_us(self, seconds: float) -> int:
        """When so many seconds are over, on the system's monotonic clock."""
        return self._post.now_us() + round(seconds * 1e6)

    def next(self, found: Wanted, deadline_us: int, *, skip_others: bool) -> Any:
        """Wait for the next message that is wanted, and take it out.

        Raises:
            NotAsExpected: Another one came and is not to be skipped, or none did in time.
        """
        looked = 0
        while True:
            with self._lock:
                arrived = self._arrived
                for at in range(looked, len(self._waiting)):
                    one = self._waiting[at]
                    if found.fits(one.message):
                        del self._waiting[at]
                        self._expected.append(one)
                        return one.message
                    if not skip_others:
                        raise self._failure(found, "got instead")
                looked = len(self._waiting)
                if self._is_over:
                    raise self._failure(found, "the probe has been stopped, and got")
            try:
                self._wait(arrived, deadline_us)
            except TimeoutError as error:
                with self._lock:
                    raise self._failure(found, "got", str(error)) from None

    def silence(self, deadline_us: int) -> tuple[Received, ...]:
        """Wait until then, or until something is there; give what is."""
        if not self.content():
            with contextlib.suppress(TimeoutError):
                self._wait(self._arrived, deadline_us)
        return self.content()

    def last_ask(self, verb: str) -> Answer:
        """The ask that was expected last; it counts as answered with that.

        Raises:
            RequestError: That was none, or has been answered.
        """
        with self._lock:
            last = self._expected[-1] if self._expected else None
            if last is None or last.reply is None or last.reply not in self._unanswered:
                raise RequestError(
                    f"`probe.{verb}` is for the message that was expected last, when it is an ask that nobody has answered; "
                    + (f"that was {last}" if last else "none has been expected")
                )
            del self._unanswered[last.reply]
        return last.reply

    def _wait(self, arrived: int, deadline_us: int) -> None:
        """Wait for one more to come than had arrived, or for the end."""
        with self._lock:
            if self._arrived > arrived or self._is_over:
                return
            signal = self._signal = ReplyFuture()
        self._post.wait(signal, max(0, deadline_us - self._post.now_us()) / 1e6)

    def _failure(self, found: Wanted, what: str, more: str = "") -> NotAsExpected:
        parts = [listed(what, tuple(self._waiting)), more, listed("expected before", tuple(self._expected), none="")]
        return NotAsExpected(self._name, found.text, "\n".join(part for part in parts if part))
