"""Reads how long to wait between tries and what is tried again, for whatever file says it."""

from __future__ import annotations

import builtins
import re
from typing import cast

import msgspec

from dagger_actors.core.retry import Exponential, Immediate, Linear, RetryPolicy, RetryWait
from dagger_actors.core.wording import quoted
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Scalar, Tree, described

__all__ = [
    "DOTTED",
    "EXCEPTIONS",
    "MAX_DELAY_SECS",
    "MAX_TRIES",
    "NO_STRATEGY",
    "STRATEGY",
    "WAITS",
    "RetryStrategy",
    "policy_with",
    "read_strategy",
]

MAX_TRIES = 10_000
MAX_DELAY_SECS = 366 * 86_400

WAITS: dict[str, tuple[type[RetryWait], Keys]] = {
    "exponential": (Exponential, Keys(known=("initial_delay_secs", "max_delay_secs", "multiplier", "jitter"))),
    "linear": (
        Linear,
        Keys(known=("delay_secs", "increment_secs", "max_delay_secs"), required=("delay_secs",)),
    ),
    "immediate": (Immediate, Keys(known=())),
}
STRATEGY = Keys(
    known=("exponential", "linear", "immediate", "retry_on", "give_up_on"),
    inside={kind: keys for kind, (_, keys) in WAITS.items()},
)
DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
EXCEPTIONS = tuple(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
)


class RetryStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """A retry strategy as written.

    Attributes:
        wait: How long to wait; None when the key is absent.
        retry_on: Exception names worth another try.
        give_up_on: Exception names that end it at once.
    """

    wait: RetryWait | None = None
    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()


NO_STRATEGY = RetryStrategy()


def read_strategy(reader: Reader, tree: Tree, key: str = "retry_strategy") -> RetryStrategy:
    """Read a strategy: a mapping with one kind of wait, or the word `immediate`."""
    if isinstance(tree, Scalar) and isinstance(tree.value, str):
        if tree.value != "immediate":
            advice = f"Write {{{tree.value}: {{...}}}}." if tree.value in WAITS else reader.suggest(tree.value, WAITS)
            reader.complain(tree.at, f"{key} must be `immediate` or a mapping, not {described(tree)}", advice)
        return RetryStrategy(wait=Immediate())
    fields = reader.fields(tree, key, STRATEGY)
    if fields is None:
        return RetryStrategy(wait=Immediate())
    kinds = [key for key in fields if key in WAITS]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        message = f"{key} must have one of {', '.join(WAITS)}; it has {found}"
        reader.complain(tree.at, message, "Write one of them: {exponential: {initial_delay_secs: 1}}.")
    names = {
        key: read_exceptions(reader, fields[key].value, key) for key in ("retry_on", "give_up_on") if key in fields
    }
    wait = read_wait(reader, kinds[0], fields[kinds[0]].value) if kinds else None
    return RetryStrategy(wait=wait or Immediate(), **names)


def read_wait(reader: Reader, kind: str, tree: Tree) -> RetryWait | None:
    """Read the numbers of one kind of wait; None when any is wrong."""
    struct, keys = WAITS[kind]
    fields = reader.fields(tree, kind, keys)
    if fields is None:
        return None
    numbers: dict[str, float | None] = {}
    for key, field in fields.items():
        value = field.value
        if key == "multiplier":
            numbers[key] = reader.number(value, key, least=1)
        elif key in keys.known:
            numbers[key] = reader.number(value, key, least=0, most=MAX_DELAY_SECS, unit=" of seconds")
    if None in numbers.values() or any(key not in numbers for key in keys.required):
        return None
    return struct(**cast("dict[str, float]", numbers))


def read_exceptions(reader: Reader, tree: Tree, what: str) -> tuple[str, ...]:
    """Read exception names: bare ones of builtins, dotted ones of anything else."""
    names: list[str] = []
    for item in reader.items(tree, what):
        name = reader.name(item, f"an item of {what}")
        if name is None:
            continue
        names.append(name)
        if not DOTTED.fullmatch(name):
            reader.complain(
                item.at, f"{what}: {quoted(name)} is no exception name", "Write ValueError, or package.module.Error."
            )
        elif "." not in name:
            kind = getattr(builtins, name, None)
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                advice = f"Write its dotted name: package.module.{name}."
                reader.complain(
                    item.at, f"{what}: {quoted(name)} is no builtin exception", reader.suggest(name, EXCEPTIONS, advice)
                )
    return tuple(names)


def policy_with(said: RetryStrategy | None, tries: int | None, own: RetryPolicy) -> RetryPolicy:
    """The policy of an agent's code, as its file changes it.

    Args:
        said: The strategy that the file gives; None = none.
        tries: Total tries that it gives; None = none.
        own: What goes on holding where it says nothing.
    """
    if said is not None:
        assert said.wait is not None, "a strategy that was read has a kind of wait"
        own = RetryPolicy(tries=own.tries, wait=said.wait, retry_on=said.retry_on, give_up_on=said.give_up_on)
    return own if tries is None else msgspec.structs.replace(own, tries=tries)
