"""Reads how a node's attempts are kept and chosen: `durability`, `cache`, `priority`."""

from __future__ import annotations

import msgspec

from dagger_actors.core.retry import RetryPolicy
from dagger_actors.flow.definition import NO_RETRY, CacheSpec, Durability
from dagger_actors.flow.loading.written import WrittenNode
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.tree import Scalar, Tree

__all__ = ["CACHE", "Keeping", "at_most_once", "keeping_of"]

DURABILITY = ("at_least_once", "best_effort", "at_most_once")
MAX_PRIORITY = 1_000_000
MAX_TTL_S = 10 * 366 * 86_400
CACHE = Keys(known=("ttl_s",), required=("ttl_s",))


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of its attempts."""

    durability: Durability = "at_least_once"
    cache: CacheSpec | None = None
    priority: int = 0


NOTHING = Keeping()


def keeping_of(reader: Reader, node: WrittenNode) -> Keeping:
    """Read all of it; most nodes say nothing."""
    fields = node.fields
    if not ("durability" in fields or "cache" in fields or "priority" in fields):
        return NOTHING
    word = reader.choice(fields["durability"].value, "durability", DURABILITY) if "durability" in fields else None
    durability: Durability = "at_most_once" if word == "at_most_once" else "at_least_once"
    priority = 0
    if "priority" in fields:
        priority = reader.whole(fields["priority"].value, "priority", -MAX_PRIORITY, MAX_PRIORITY) or 0
    cache = read_cache(reader, fields["cache"].value, node) if "cache" in fields else None
    return Keeping(durability=durability, cache=cache, priority=priority)


def read_cache(reader: Reader, tree: Tree, node: WrittenNode) -> CacheSpec | None:
    """Read `cache`: true, false, or `{ttl_s: SECONDS}`."""
    if isinstance(tree, Scalar):
        if not reader.flag(tree, "cache"):
            return None
        if node.inputs is not None and not node.inputs and node.map is None:
            message = "cache: true without inputs would keep one output for ever"
            reader.complain(tree.at, message, "Say how long it holds: cache: {ttl_s: 3600}.")
        return CacheSpec()
    fields = reader.fields(tree, "cache", CACHE)
    if fields is None or "ttl_s" not in fields:
        return None
    ttl_s = reader.seconds(fields["ttl_s"].value, "cache.ttl_s", most=MAX_TTL_S)
    return CacheSpec(ttl_s=ttl_s) if ttl_s is not None else None


def at_most_once(reader: Reader, node: WrittenNode, retry: RetryPolicy, *, is_own: bool) -> RetryPolicy:
    """One try, unless exceptions are listed after which a repeat is known to be safe."""
    if retry.tries == 1 or retry.retry_on:
        return retry
    if is_own:
        message = "durability: at_most_once has one try, unless retry_on lists exceptions after which a repeat is safe"
        advice = "Add retry_on: [SomeError] to its retry_strategy, or remove its tries."
        reader.complain(node.fields["durability"].at, message, advice)
    return NO_RETRY
