"""Reads `config` and retry strategies, and merges what the flow says with what a node says."""

from __future__ import annotations

import builtins
import functools
import re
from typing import cast

import msgspec

from dagger_actors.core.retry import Exponential, Immediate, Linear, RetryPolicy, RetryWait
from dagger_actors.core.wording import quoted
from dagger_actors.flow.definition import NO_RETRY, FlowConfig, OnFailure
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Fields, Scalar, Tree, described

__all__ = [
    "CONFIG",
    "MAX_PARALLEL",
    "NO_STRATEGY",
    "ON_FAILURE",
    "STRATEGY",
    "Strategy",
    "merged_retry",
    "on_failure_of",
    "read_config",
    "read_strategy",
    "read_tries",
]

ON_FAILURE = ("stop", "continue", "pause")
MAX_TRIES = 10_000
MAX_PARALLEL = 10_000
MAX_DELAY_SECS = 366 * 86_400
TRIES_WITH_STRATEGY = 3

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
CONFIG = Keys(
    known=(
        "on_failure",
        "timeout_seconds",
        "enable_parallel_execution",
        "max_parallel_nodes",
        "max_attempts",
        "retry_strategy",
    ),
    later=("max_iterations", "human_wait_minutes", "human_timeout_action"),
    inside={"retry_strategy": STRATEGY},
)
DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
EXCEPTIONS = tuple(
    name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)
)


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """A `retry_strategy` as written.

    Attributes:
        wait: How long to wait; None when the key is absent.
        retry_on: Exception names worth another try.
        give_up_on: Exception names that end it at once.
    """

    wait: RetryWait | None = None
    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()


NO_STRATEGY = Strategy()


def read_config(reader: Reader, tree: Tree) -> FlowConfig:
    """Read the flow's `config`; what is wrong is complained of and left at its default."""
    fields = reader.fields(tree, "config", CONFIG)
    if fields is None:
        return FlowConfig()
    read: dict[str, object] = {}
    for key, field in fields.items():
        value = field.value
        match key:
            case "on_failure":
                read[key] = reader.choice(value, key, ON_FAILURE)
            case "timeout_seconds":
                read[key] = reader.seconds(value, key)
            case "enable_parallel_execution":
                read[key] = reader.flag(value, key)
            case "max_parallel_nodes":
                read[key] = reader.count(value, key, MAX_PARALLEL)
            case "max_attempts":
                read[key] = reader.count(value, key, MAX_TRIES)
            case "retry_strategy":
                strategy = read_strategy(reader, value)
                read |= {
                    key: strategy.wait,
                    "retry_on": strategy.retry_on,
                    "give_up_on": strategy.give_up_on,
                }
    return msgspec.structs.replace(FlowConfig(), **{key: value for key, value in read.items() if value is not None})


def read_strategy(reader: Reader, tree: Tree) -> Strategy:
    """Read a `retry_strategy`: a mapping with one kind of wait, or the word `immediate`."""
    if isinstance(tree, Scalar) and isinstance(tree.value, str):
        if tree.value != "immediate":
            advice = f"Write {{{tree.value}: {{...}}}}." if tree.value in WAITS else reader.suggest(tree.value, WAITS)
            reader.complain(tree.at, f"retry_strategy must be `immediate` or a mapping, not {described(tree)}", advice)
        return Strategy(wait=Immediate())
    fields = reader.fields(tree, "retry_strategy", STRATEGY)
    if fields is None:
        return Strategy(wait=Immediate())
    kinds = [key for key in fields if key in WAITS]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none of them"
        message = f"retry_strategy must have one of {', '.join(WAITS)}; it has {found}"
        reader.complain(tree.at, message, "Write one of them: {exponential: {initial_delay_secs: 1}}.")
    names = {
        key: read_exceptions(reader, fields[key].value, key) for key in ("retry_on", "give_up_on") if key in fields
    }
    wait = read_wait(reader, kinds[0], fields[kinds[0]].value) if kinds else None
    return Strategy(wait=wait or Immediate(), **names)


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


def read_tries(reader: Reader, fields: Fields) -> int | None:
    """Read a node's `try_count` and its alias `onfailure: false`; None when neither says anything."""
    tries = reader.count(fields["try_count"].value, "try_count", MAX_TRIES) if "try_count" in fields else None
    if "onfailure" not in fields:
        return tries
    field = fields["onfailure"]
    if reader.flag(field.value, "onfailure") is not False:
        return tries
    if tries is not None and tries > 1:
        advice = "`onfailure: false` means one try; remove one of the two."
        reader.complain(field.at, f"onfailure: false contradicts try_count: {tries}", advice)
    return 1


@functools.lru_cache(maxsize=256)
def merged_retry(config: FlowConfig, tries: int | None, strategy: Strategy) -> RetryPolicy:
    """Merge a node's tries and strategy with the flow's: the node's own win, each as a whole.

    Cached, as most nodes of a flow share one policy.
    """
    if strategy.wait is None:
        strategy = Strategy(wait=config.retry_strategy, retry_on=config.retry_on, give_up_on=config.give_up_on)
    if tries is None:
        tries = config.max_attempts or (TRIES_WITH_STRATEGY if strategy.wait is not None else 1)
    policy = RetryPolicy(
        tries=tries,
        wait=strategy.wait or Immediate(),
        retry_on=strategy.retry_on,
        give_up_on=strategy.give_up_on,
    )
    return NO_RETRY if policy == NO_RETRY else policy


def on_failure_of(word: str | None, config: FlowConfig) -> OnFailure:
    """Give the node's word, or else the flow's."""
    return cast("OnFailure", word) if word else config.on_failure
