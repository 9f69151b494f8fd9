"""Reads what a system file says of how a task agent's tasks are done, and knows a task agent when it sees one.

What its class or function says besides, and whether both fit together, is known to that alone: a ``TaskSource``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from dagger_actors.core.retry import RetryPolicy
from dagger_actors.core.task_options import (
    DURABILITIES,
    ISOLATIONS,
    MAX_BURST,
    MAX_CONCURRENCY,
    MAX_OPEN,
    MAX_PATH,
    MAX_PER_KEY,
    MAX_RATE,
    MAX_TASK_SECONDS,
    OVERFLOWS,
    rate_of,
)
from dagger_actors.core.wording import quoted
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.retry_keys import MAX_TRIES, STRATEGY, policy_with, read_strategy
from dagger_actors.reading.tree import Scalar, Tree, described
from dagger_actors.supervised.files.definition import PerKeySpec, TaskOptionsSpec
from dagger_actors.supervised.files.part_keys import read_word

__all__ = [
    "MARK",
    "PER_KEY",
    "TASKS",
    "UNSUPERVISED",
    "Complaint",
    "TaskSource",
    "given_of",
    "key_of",
    "read_tasks",
    "source_of",
]

MARK = "__dagger_task_agent__"
"""The attribute by which a class or a function says that it does tasks; its value is a ``TaskSource``."""

PER_KEY = Keys(known=("field", "limit"), required=("field", "limit"))
TASKS = Keys(
    known=(
        "concurrency",
        "try_count",
        "retry",
        "timeout",
        "rate",
        "burst",
        "per_key",
        "capacity",
        "overflow",
        "isolation",
        "durability",
    ),
    inside={"retry": STRATEGY, "per_key": PER_KEY},
)

UNSUPERVISED: Mapping[str, str] = {
    "instances": "write tasks: {concurrency: ...} for how many are done at once",
    "route": "whoever is free takes the next task; for one at a time of each key write tasks: {per_key: ...}",
    "key": "write tasks: {per_key: {field: ..., limit: 1}}",
    "restart": "each attempt is made anew; write tasks: {try_count: ..., retry: ...}",
    "significant": "it never ends",
    "backoff": "write tasks: {retry: {exponential: {...}}}",
    "shutdown_s": "what runs when the system is left has the system's grace, and is done again elsewhere",
    "mailbox": "write tasks: {capacity: ..., overflow: ...}",
}
"""Keys of an agent that say nothing of a task agent, each with what to do."""


class Complaint(Protocol):
    """An option that cannot be; see ``bodies.option_values.OptionProblem``."""

    option: str
    message: str
    advice: str


class TaskSource(Protocol):
    """A class or function that does tasks, as far as a system file has to do with it."""

    @property
    def config(self) -> type[msgspec.Struct] | None:
        """The Struct that its ``config`` is annotated with; None = it takes none."""
        ...

    @property
    def retry(self) -> RetryPolicy:
        """What it says of tries itself."""
        ...

    def judge(self, given: Mapping[str, object]) -> tuple[Any, Sequence[Any]]:
        """Judge options that go before its own: all of them, and a ``Complaint`` for each that cannot be."""
        ...

    def check(self, name: str, options: Any) -> object:
        """Check that it can do tasks with these options at all.

        Raises:
            ActorClassError: It cannot.
        """
        ...


def source_of(found: object) -> TaskSource | None:
    """What a class or function says of itself as a task agent; None = it is none, or one for others to inherit from."""
    said: TaskSource | None = vars(found).get(MARK) if isinstance(found, type) else getattr(found, MARK, None)
    return said


def read_tasks(reader: Reader, tree: Tree) -> TaskOptionsSpec:
    """Read `tasks`; what is wrong is complained of and left out."""
    fields = reader.fields(tree, "tasks", TASKS) or {}
    read: dict[str, Any] = {
        NAMES.get(key, key): READS[key](reader, field.value) for key, field in fields.items() if key in READS
    }
    return TaskOptionsSpec(**read)


def given_of(spec: TaskOptionsSpec, own: RetryPolicy) -> dict[str, object]:
    """The options that a file gives, as class keywords would give them.

    Args:
        spec: What it says.
        own: The policy that goes on holding where the file says nothing of tries.
    """
    given: dict[str, object] = {
        name: value
        for name in spec.__struct_fields__
        if name not in ("try_count", "retry", "per_key") and (value := getattr(spec, name)) is not None
    }
    if spec.per_key is not None:
        given["per_key"] = (spec.per_key.field, spec.per_key.limit)
    if spec.retry is not None or spec.try_count is not None:
        given["retry"] = policy_with(spec.retry, spec.try_count, own)
    return given


def key_of(option: str, written: Mapping[str, object]) -> str:
    """The key of `tasks` that gives an option."""
    if option == "retry":
        return "retry" if "retry" in written else "try_count"
    return "timeout" if option == "timeout_s" else option


def _rate(reader: Reader, tree: Tree) -> str | None:
    value = tree.value if isinstance(tree, Scalar) else None
    if isinstance(value, str) and rate_of(value) is not None:
        return value
    advice = f"Write how many in what time: 10/s, 600/min or 5/h; at most {MAX_RATE:,}/s."
    reader.complain(tree.at, f"rate must be a rate, not {described(tree)}", advice)
    return None


def _per_key(reader: Reader, tree: Tree) -> PerKeySpec | None:
    fields = reader.fields(tree, "per_key", PER_KEY)
    if fields is None or not fields.keys() >= {"field", "limit"}:
        return None
    path = reader.text(fields["field"].value, "field")
    limit = reader.count(fields["limit"].value, "limit", MAX_PER_KEY)
    if path is None or limit is None:
        return None
    if not 1 <= len(path) <= MAX_PATH or "" in path.split("."):
        message = f"field: {quoted(path)} is no path of fields"
        reader.complain(fields["field"].value.at, message, "Write a payload's field: customer, or order.customer.")
        return None
    return PerKeySpec(field=path, limit=limit)


READS: Mapping[str, Callable[[Reader, Tree], object]] = {
    "concurrency": lambda reader, tree: reader.count(tree, "concurrency", MAX_CONCURRENCY),
    "try_count": lambda reader, tree: reader.count(tree, "try_count", MAX_TRIES),
    "retry": lambda reader, tree: read_strategy(reader, tree, "retry"),
    "timeout": lambda reader, tree: reader.seconds(tree, "timeout", MAX_TASK_SECONDS),
    "rate": _rate,
    "burst": lambda reader, tree: reader.count(tree, "burst", MAX_BURST),
    "per_key": _per_key,
    "capacity": lambda reader, tree: reader.count(tree, "capacity", MAX_OPEN),
    "overflow": lambda reader, tree: read_word(reader, tree, "overflow", OVERFLOWS),
    "isolation": lambda reader, tree: read_word(reader, tree, "isolation", ISOLATIONS),
    "durability": lambda reader, tree: read_word(reader, tree, "durability", DURABILITIES),
}
NAMES = {"timeout": "timeout_s"}
