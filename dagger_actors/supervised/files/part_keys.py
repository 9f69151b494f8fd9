"""Reads the parts of what agents and supervisors say: class, supervision, back-off, mailbox, route, time to stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast, get_args

import msgspec

from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.importing import Wanted, split_reference
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import MAX_SECONDS, Reader
from dagger_actors.reading.tree import Fields, Scalar, Tree, described
from dagger_actors.supervised.bounds import MAX_CAPACITY, OVERFLOWS, MailboxSpec
from dagger_actors.supervised.files.definition import AutoShutdown, BackoffSpec, Route, Strategy, Supervision

__all__ = [
    "A_CLASS",
    "BACKOFF",
    "MAILBOX",
    "REFERENCE_FORMS",
    "SUPERVISION",
    "read_backoff",
    "read_class",
    "read_mailbox",
    "read_route",
    "read_shutdown",
    "read_supervision",
    "read_word",
    "split_class",
]

A_CLASS = Wanted(noun="class", outcome="nothing of the system was started")
REFERENCE_FORMS = "Write module:Class or file.py:Class."
MAX_REFERENCE = 1_000
"""Characters of a class reference."""
MAX_INTENSITY = 10_000
MAX_FACTOR = 1_000

SUPERVISION = Keys(known=("strategy", "intensity", "period_s", "auto_shutdown"))
BACKOFF = Keys(known=("min_s", "max_s", "factor", "jitter", "reset_s"))
MAILBOX = Keys(known=("capacity", "overflow"))
STRATEGIES = get_args(Strategy)
AUTO_SHUTDOWNS = get_args(AutoShutdown)
ROUTES = get_args(Route)

S = TypeVar("S", bound=msgspec.Struct)
Reads = Mapping[str, Callable[[Reader, Tree, str], object]]

SUPERVISION_READS: Reads = {
    "strategy": lambda reader, tree, key: read_word(reader, tree, key, STRATEGIES),
    "intensity": lambda reader, tree, key: reader.whole(tree, key, 0, MAX_INTENSITY),
    "period_s": lambda reader, tree, key: reader.seconds(tree, key, absent="for the default"),
    "auto_shutdown": lambda reader, tree, key: read_word(reader, tree, key, AUTO_SHUTDOWNS),
}
BACKOFF_READS: Reads = {
    "min_s": lambda reader, tree, key: reader.number(tree, key, least=0, most=MAX_SECONDS, unit=" of seconds"),
    "max_s": lambda reader, tree, key: reader.number(tree, key, least=0, most=MAX_SECONDS, unit=" of seconds"),
    "factor": lambda reader, tree, key: reader.number(tree, key, least=1, most=MAX_FACTOR),
    "jitter": lambda reader, tree, key: reader.number(tree, key, least=0, most=1),
    "reset_s": lambda reader, tree, key: reader.seconds(tree, key, absent="for the default"),
}
MAILBOX_READS: Reads = {
    "capacity": lambda reader, tree, key: reader.count(tree, key, MAX_CAPACITY),
    "overflow": lambda reader, tree, key: read_word(reader, tree, key, OVERFLOWS),
}


def read_word(reader: Reader, tree: Tree, key: str, words: tuple[str, ...]) -> str | None:
    """Read one of a few words, the first of which is the default."""
    return reader.choice(tree, key, words, f"Write {words[0]}, say, or leave the key out.")


def read_supervision(reader: Reader, tree: Tree) -> tuple[Supervision, bool]:
    """Read a `supervision`; tells too whether its `auto_shutdown` is known, for the rules that depend on it."""
    read = _read(reader, tree, "supervision", SUPERVISION, SUPERVISION_READS)
    is_known = read is not None and read.get("auto_shutdown", "never") is not None
    return _made(Supervision(), read), is_known


def read_backoff(reader: Reader, tree: Tree) -> BackoffSpec:
    """Read a `backoff`; what is wrong is complained of and left at its default."""
    read = _read(reader, tree, "backoff", BACKOFF, BACKOFF_READS)
    backoff = _made(BackoffSpec(), read)
    if read is not None and None not in read.values() and backoff.max_s < backoff.min_s:
        message = f"backoff: max_s is {backoff.max_s:g}, less than min_s, which is {backoff.min_s:g}"
        reader.complain(tree.at, message, f"Write max_s: {backoff.min_s:g}, or more.")
    return backoff


def read_mailbox(reader: Reader, tree: Tree) -> MailboxSpec:
    """Read a `mailbox`; what is wrong is complained of and left at its default."""
    return _made(MailboxSpec(), _read(reader, tree, "mailbox", MAILBOX, MAILBOX_READS))


def read_shutdown(reader: Reader, tree: Tree) -> float | None:
    """Read a `shutdown_s`: seconds from 0, or None for the word `infinity`; what is wrong is read as 0."""
    value = tree.value if isinstance(tree, Scalar) else None
    if value == "infinity":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS:
        return float(value)
    message = f"shutdown_s must be a number of seconds from 0 to {MAX_SECONDS:,}, or infinity, not {described(tree)}"
    reader.complain(tree.at, message, "Write seconds as a number; 0 cuts off at once, infinity waits without a limit.")
    return 0.0


def read_class(reader: Reader, tree: Tree, key: str = "class") -> str:
    """Read a class reference, of which only the form is checked; empty when that is wrong."""
    reference = reader.text(tree, key)
    if reference is None:
        return ""
    if len(reference) > MAX_REFERENCE:
        message = f"{key} has {len(reference):,} characters; it must have 1 to {MAX_REFERENCE:,}"
        reader.complain(tree.at, message, REFERENCE_FORMS)
        return ""
    try:
        split_class(reference)
    except DefinitionError as error:
        reader.complain(tree.at, f"{key}: {error.problems[0].message}", REFERENCE_FORMS)
        return ""
    return reference


def split_class(reference: str) -> tuple[str, str]:
    """Split a class reference into the module or file and the name in it.

    Raises:
        DefinitionError: It has not the form of one.
    """
    target, name = split_reference(reference, A_CLASS)
    if not name:
        raise DefinitionError([Problem(f"{quoted(reference)} names a module, but no class", REFERENCE_FORMS)])
    return target, name


def read_route(reader: Reader, fields: Fields) -> tuple[Route, tuple[str, ...]]:
    """Read an agent's `route` and `key`, which go together."""
    route = read_word(reader, fields["route"].value, "route", ROUTES) if "route" in fields else "round_robin"
    key: tuple[str, ...] = ()
    if "key" in fields and (text := reader.name(fields["key"].value, "key")) is not None:
        key = tuple(text.split("."))
        if "" in key:
            message = f"key: {quoted(text)} is no path of fields"
            reader.complain(fields["key"].value.at, message, "Write a message's field: order_id, or order.id.")
    if route == "key" and "key" not in fields:
        message = "route: key needs `key`, the field of a message that decides who gets it"
        reader.complain(fields["route"].value.at, message, "Add key: order_id, say, or write route: round_robin.")
    elif route == "round_robin" and "key" in fields:
        reader.complain(fields["key"].at, "`key` does nothing without `route: key`", "Add route: key, or remove `key`.")
    return cast("Route", route or "round_robin"), key


def _read(reader: Reader, tree: Tree, what: str, keys: Keys, reads: Reads) -> dict[str, object] | None:
    """Read a mapping's known keys; None for the value of one that is wrong, and for no mapping at all."""
    fields = reader.fields(tree, what, keys)
    if fields is None:
        return None
    return {key: reads[key](reader, field.value, key) for key, field in fields.items() if key in reads}


def _made(default: S, read: Mapping[str, object] | None) -> S:
    right: dict[str, Any] = {key: value for key, value in (read or {}).items() if value is not None}
    return msgspec.structs.replace(default, **right)
