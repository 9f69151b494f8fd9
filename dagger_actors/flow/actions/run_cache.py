"""``ctx.cache``: the namespace that all nodes of a run share, committed with the end of the attempt that wrote."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from dagger_actors.bodies.attempt_end import AttemptEnd
from dagger_actors.bodies.backends import OwnerSource
from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.bodies.outputs import to_json
from dagger_actors.bodies.secret import Mask
from dagger_actors.core.messages import RunValue
from dagger_actors.errors import OutputError, RunValueRefused

__all__ = ["VALUE", "RunCache"]

VALUE = "value"
"""The question for a run's key and a key of its namespace; the answer is JSON text, None when there is none."""

LONGEST_KEY = 200
LARGEST_VALUE = 64 * 1024
MOST_WRITES = 10_000

_value = msgspec.msgpack.Decoder(bytes | None)


class RunCache:
    """Values by key; what this attempt wrote is seen by itself at once, and by others when it has succeeded."""

    def __init__(self, run_key: int, source: OwnerSource, mask: Mask, end: AttemptEnd) -> None:
        self._end = end
        self._run_key = run_key
        self._source = source
        self._mask = mask
        self.written: list[RunValue] = []
        """For the body actor."""

    def get(self, key: str, default: Any = None) -> Any:
        """Give a value, as of the last commit and with what this attempt wrote.

        Args:
            key: 1 to 200 printable characters.
            default: What to give when there is none.

        Raises:
            BlockingCall: On a running event loop; use ``await ctx.cache.aget(...)``.
            RunValueRefused: The key is none.
            AttemptOver: The attempt is over.
        """
        refuse_on_loop("ctx.cache.get()", "await ctx.cache.aget(...)")
        _check_key(key)
        return self._with_own(key, self._stored(key), default)

    async def aget(self, key: str, default: Any = None) -> Any:
        """``get``, without blocking the loop."""
        _check_key(key)
        return self._with_own(key, await asyncio.to_thread(self._stored, key), default)

    def put(self, key: str, value: Any) -> None:
        """Set a value; of two attempts that do, the one that ends later wins.

        Args:
            key: 1 to 200 printable characters; a run has at most 10,000 keys.
            value: What JSON can hold, at most 64 KiB of it.

        Raises:
            RunValueRefused: The key is none, the value is too large, or the attempt writes too often.
            AttemptOver: The attempt is over.
        """
        self._write(key, value, is_append=False)

    def append(self, key: str, value: Any) -> None:
        """Append to a list, which is made when there is none; what two attempts append both stays.

        Args:
            key: As in ``put``.
            value: As in ``put``; the whole list has at most 64 KiB.

        Raises:
            RunValueRefused: As in ``put``, or what this attempt has put there is no list. When what is stored is none, the
                attempt fails with it at its end.
            AttemptOver: As in ``put``.
        """
        self._write(key, value, is_append=True)

    def _write(self, key: str, value: Any, *, is_append: bool) -> None:
        _check_key(key)
        try:
            text = to_json(value)
        except OutputError as error:
            raise RunValueRefused(key, error.reason) from None
        self._mask.refuse(text)
        if len(text) > LARGEST_VALUE:
            raise RunValueRefused(
                key, f"its value has more than {LARGEST_VALUE:,} bytes as JSON; store it with ctx.save"
            )
        if len(self.written) >= MOST_WRITES:
            raise RunValueRefused(key, f"an attempt writes at most {MOST_WRITES:,} times")
        self._end.keep("a value of ctx.cache", self.written.append, RunValue(key, text, is_append))

    def _stored(self, key: str) -> bytes | None:
        # What it has written is not committed by that alone, or is others' by now: there is nothing true to say.
        self._end.refuse("a value of ctx.cache", "read")
        return _value.decode(self._source.ask(VALUE, msgspec.msgpack.encode((self._run_key, key))))

    def _with_own(self, key: str, stored: bytes | None, default: Any) -> Any:
        found: Any = default if stored is None else msgspec.json.decode(stored)
        has_value = stored is not None
        for one in self.written:
            if one.key != key:
                continue
            value = msgspec.json.decode(one.json)
            if not one.is_append:
                found = value
            elif has_value and not isinstance(found, list):
                raise RunValueRefused(key, "its value is no list, so nothing can be appended")
            else:
                found = [*(found if has_value else ()), value]
            has_value = True
        return found


def _check_key(key: object) -> None:
    if not isinstance(key, str) or not key.isprintable() or not 1 <= len(key) <= LONGEST_KEY:
        raise RunValueRefused(key, f"a key is text of 1 to {LONGEST_KEY} printable characters")
