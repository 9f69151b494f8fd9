"""Hypothesis strategies for flow files, as plain data and as YAML text, and for definitions of systems."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from dagger_actors.core.retry import Exponential, Immediate, Linear
from dagger_actors.reading.retry_keys import RetryStrategy
from dagger_actors.supervised.bounds import MailboxSpec
from dagger_actors.supervised.files.definition import (
    AgentSpec,
    BackoffSpec,
    PerKeySpec,
    Supervision,
    SupervisorSpec,
    SystemDefinition,
    TaskOptionsSpec,
)

__all__ = ["flows", "names", "systems", "to_yaml"]

PLAIN = "abcdefgh"
characters = st.characters(exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp"), exclude_characters="\ufeff")
"""Characters that a YAML file may hold as they are and that an id may hold."""

names = st.one_of(
    st.text(PLAIN, min_size=1, max_size=4),
    st.text(
        st.one_of(
            st.sampled_from("ab./ '\"<>[]{}#&*!|>%@`,:-é\u0301ÉéI\u0130\u0131"),
            characters,
        ),
        min_size=1,
        max_size=12,
    ),
).filter(lambda name: name != "inputs" and not name.startswith("inputs."))
"""Ids and keys: anything but control characters."""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(characters, max_size=8),
    st.sampled_from(["on", "yes", "no", "null", "~", "1e3", "010", "0x10", "12:30", ".inf", "<<", "- a", "a: b", ""]),
)
literals = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(PLAIN, max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
seconds = st.one_of(st.integers(1, 86_400), st.floats(0.001, 86_400))
delays = st.one_of(st.integers(0, 1000), st.floats(0, 1000))
waits = st.one_of(
    st.fixed_dictionaries(
        {"exponential": st.fixed_dictionaries({}, optional={"initial_delay_secs": delays, "jitter": delays})}
    ),
    st.fixed_dictionaries(
        {"linear": st.fixed_dictionaries({"delay_secs": delays}, optional={"increment_secs": delays})}
    ),
    st.just({"immediate": {}}),
)
exceptions = st.lists(st.sampled_from(["ValueError", "OSError", "package.module.Error"]), max_size=2, unique=True)
strategies_of_retry = st.one_of(
    st.just("immediate"),
    st.tuples(waits, st.fixed_dictionaries({}, optional={"retry_on": exceptions, "give_up_on": exceptions})).map(
        lambda parts: parts[0] | parts[1]
    ),
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "on_failure": st.sampled_from(["stop", "continue", "pause"]),
        "timeout_seconds": seconds,
        "enable_parallel_execution": st.booleans(),
        "max_parallel_nodes": st.integers(1, 10_000),
        "max_attempts": st.integers(1, 10),
        "retry_strategy": strategies_of_retry,
    },
)
texts = st.text(characters, max_size=10)


@st.composite
def nodes(draw: st.DrawFn, id_: str, ancestors: list[str]) -> dict[str, Any]:
    """Draw a node that may depend on some of the nodes before it and refers to nothing else."""
    dependencies = draw(st.lists(st.sampled_from(ancestors), max_size=3, unique=True)) if ancestors else []
    node: dict[str, Any] = {"id": id_, "action": draw(st.text(PLAIN, min_size=1, max_size=3))}
    sources: st.SearchStrategy[Any] = st.one_of(
        st.fixed_dictionaries({"value": literals}, optional={"description": texts}),
        st.text(PLAIN, min_size=1, max_size=3).map(lambda key: f"inputs.{key}"),
    )
    if dependencies:
        node_and_key = st.fixed_dictionaries({"node": st.sampled_from(dependencies)}, optional={"key": names})
        sources = st.one_of(sources, node_and_key)
    inputs = draw(st.dictionaries(names, sources, max_size=3))
    shape = draw(st.sampled_from(["none", "mapping", "list"]))
    if shape == "mapping":
        node["inputs"] = inputs
    elif shape == "list":
        as_tables = {k: v if isinstance(v, dict) else {"reference": v} for k, v in inputs.items()}
        node["inputs"] = [{"name": name, **source} for name, source in as_tables.items()]
    if dependencies or shape == "none" or draw(st.booleans()):
        node["dependencies"] = dependencies
    node |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "description": texts,
                "timeout": seconds,
                "retry_strategy": strategies_of_retry,
                "on_failure": st.sampled_from(["stop", "continue", "pause"]),
                "outputs": st.lists(names, max_size=2, unique=True),
            },
        )
    )
    node |= draw(st.sampled_from([{}, {"try_count": 3}, {"onfailure": False}, {"onfailure": True, "try_count": 2}]))
    return node


@st.composite
def flows(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a flow that must load, in a drawn order of its nodes."""
    ids = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    flow: dict[str, Any] = {"name": draw(names)}
    flow["nodes"] = draw(st.permutations([draw(nodes(id_, ids[:i])) for i, id_ in enumerate(ids)]))
    flow |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "description": texts,
                "version": texts,
                "tags": st.lists(names, max_size=2),
                "config": configs,
                "outputs": st.dictionaries(names, st.fixed_dictionaries({"node": st.sampled_from(ids)}), max_size=2),
            },
        )
    )
    return flow


RESTARTS = ["permanent", "transient", "temporary"]
supervisions = st.builds(
    Supervision,
    strategy=st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]),
    intensity=st.integers(0, 10_000),
    period_s=st.floats(0.001, 86_400),
    auto_shutdown=st.sampled_from(["never", "any_significant", "all_significant"]),
)
backoffs = st.builds(
    BackoffSpec,
    min_s=st.floats(0, 100),
    max_s=st.floats(100, 86_400),
    factor=st.floats(1, 1000),
    jitter=st.floats(0, 1),
    reset_s=st.floats(0.001, 86_400),
)
mailboxes = st.builds(
    MailboxSpec,
    capacity=st.integers(1, 1_000_000),
    overflow=st.sampled_from(["block", "reject", "drop_oldest"]),
)
strategies = st.builds(
    RetryStrategy,
    wait=st.one_of(
        st.builds(
            Exponential, initial_delay_secs=st.floats(0, 100), multiplier=st.floats(1, 10), jitter=st.floats(0, 10)
        ),
        st.builds(Linear, delay_secs=st.floats(0, 100), increment_secs=st.floats(0, 10)),
        st.just(Immediate()),
    ),
    retry_on=st.sampled_from([(), ("ValueError", "a.b.Error")]),
    give_up_on=st.sampled_from([(), ("KeyError",)]),
)
task_options = st.builds(
    TaskOptionsSpec,
    concurrency=st.none() | st.integers(1, 10_000),
    try_count=st.none() | st.integers(1, 10_000),
    retry=st.none() | strategies,
    timeout_s=st.none() | st.floats(0.001, 1000),
    rate=st.none() | st.sampled_from(["10/s", "600 / min", "0.5/h"]),
    burst=st.none() | st.integers(1, 1_000_000),
    per_key=st.none() | st.builds(PerKeySpec, field=st.sampled_from(["a", "a.b"]), limit=st.integers(1, 10_000)),
    capacity=st.none() | st.integers(1, 10_000_000),
    overflow=st.sampled_from([None, "block", "reject"]),
    isolation=st.sampled_from([None, "thread", "async", "process"]),
    durability=st.sampled_from([None, "at_least_once", "best_effort", "at_most_once"]),
)
parts = st.text(PLAIN, min_size=1, max_size=3)
classes = st.builds("{}:{}".format, st.sampled_from(["shop", "a.b", "shop.py", "../x y/shop.py"]), parts)
shutdowns = st.one_of(st.none(), st.floats(0, 86_400))


@st.composite
def children(draw: st.DrawFn, ids: list[str], auto_shutdown: str, depth: int) -> tuple[AgentSpec | SupervisorSpec, ...]:
    """Draw what is below a supervisor, out of the ids that are left; each is used at most once."""
    made: list[AgentSpec | SupervisorSpec] = []
    for _ in range(draw(st.integers(1, 3))):
        if not ids:
            break
        restart = draw(st.sampled_from(RESTARTS))
        shared: dict[str, Any] = {
            "id": ids.pop(),
            "restart": restart,
            "significant": auto_shutdown != "never" and restart != "permanent" and draw(st.booleans()),
            "backoff": draw(st.one_of(st.none(), backoffs)) if restart != "temporary" else None,
            "shutdown_s": draw(shutdowns),
        }
        if depth < 3 and ids and draw(st.booleans()):
            supervision = draw(st.one_of(st.just(Supervision()), supervisions))
            below = draw(children(ids, supervision.auto_shutdown, depth + 1))
            made.append(SupervisorSpec(**shared, supervision=supervision, agents=below))
            continue
        route = draw(st.sampled_from(["round_robin", "key"]))
        made.append(
            AgentSpec(
                **shared,
                class_reference=draw(classes),
                config=draw(st.dictionaries(st.text(characters, max_size=8), literals, max_size=3)),
                instances=draw(st.integers(1, 10_000)),
                route=route,
                key=tuple(draw(st.lists(parts, min_size=1, max_size=3))) if route == "key" else (),
                mailbox=draw(st.one_of(st.none(), mailboxes)),
                tasks=draw(st.one_of(st.none(), task_options)),
            )
        )
    return tuple(made)


@st.composite
def systems(draw: st.DrawFn) -> SystemDefinition:
    """Draw the definition of a system that some file could hold."""
    ids = draw(st.lists(names, min_size=1, max_size=10, unique=True))
    supervision = draw(st.one_of(st.just(Supervision()), supervisions))
    agents = draw(children(ids, supervision.auto_shutdown, 0))
    return SystemDefinition(
        name=draw(names),
        agents=agents,
        description=draw(texts),
        supervision=supervision,
        schema=draw(st.one_of(st.just(""), names)),
    )


def to_yaml(value: object) -> str:
    """Write plain data as YAML: its JSON, which YAML 1.2 reads as it is.

    Source: YAML 1.2.2, "1.2. YAML History": every JSON file is a valid YAML file.
    """
    # libyaml knows no pair of \\u escapes, so text beyond ASCII is written as it is.
    return json.dumps(value, ensure_ascii=False)
