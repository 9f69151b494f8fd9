"""Reads `config`, and merges what the flow says with what a node says."""

from __future__ import annotations

import functools
from typing import cast

import msgspec

from dagger_actors.core.retry import Immediate, RetryPolicy
from dagger_actors.flow.definition import NO_RETRY, FlowConfig, OnFailure
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.retry_keys import MAX_TRIES, STRATEGY, RetryStrategy, read_strategy
from dagger_actors.reading.tree import Fields, Tree

__all__ = [
    "CONFIG",
    "MAX_ITERATIONS",
    "MAX_PARALLEL",
    "MAX_WAIT_MINUTES",
    "ON_FAILURE",
    "merged_retry",
    "on_failure_of",
    "read_config",
    "read_tries",
]

ON_FAILURE = ("stop", "continue", "pause")
MAX_PARALLEL = 10_000
MAX_ITERATIONS = 1_000_000
MAX_WAIT_MINUTES = 10 * 366 * 1_440
TRIES_WITH_STRATEGY = 3

CONFIG = Keys(
    known=(
        "on_failure",
        "timeout_seconds",
        "enable_parallel_execution",
        "max_parallel_nodes",
        "max_attempts",
        "retry_strategy",
        "max_iterations",
        "human_wait_minutes",
        "human_timeout_action",
    ),
    inside={"retry_strategy": STRATEGY},
)


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
            case "max_iterations":
                read[key] = reader.count(value, key, MAX_ITERATIONS)
            case "human_wait_minutes":
                read[key] = reader.number(value, key, least=0.001, most=MAX_WAIT_MINUTES, unit=" of minutes")
            case "human_timeout_action":
                read[key] = reader.choice(value, key, ("pause", "autopilot"))
            case "retry_strategy":
                strategy = read_strategy(reader, value)
                read |= {
                    key: strategy.wait,
                    "retry_on": strategy.retry_on,
                    "give_up_on": strategy.give_up_on,
                }
    return msgspec.structs.replace(FlowConfig(), **{key: value for key, value in read.items() if value is not None})


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
def merged_retry(config: FlowConfig, tries: int | None, strategy: RetryStrategy) -> RetryPolicy:
    """Merge a node's tries and strategy with the flow's: the node's own win, each as a whole.

    Cached, as most nodes of a flow share one policy.
    """
    if strategy.wait is None:
        strategy = RetryStrategy(wait=config.retry_strategy, retry_on=config.retry_on, give_up_on=config.give_up_on)
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
