"""``schema``: the JSON Schema of flow files or of system files, for editors; and those of actions, task agents and subscribers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal, assert_never

import msgspec
from cyclopts import Parameter

from dagger_actors.bodies.action_schemas import ActionSchema, action_schema
from dagger_actors.cli.exits import OK, UsageError
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.options import AsJson, Imports
from dagger_actors.cli.text import printable
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.loading.json_schema import flow_schema
from dagger_actors.pubsub.declared.importing import names_subscriber, wiring_at
from dagger_actors.pubsub.declared.schemas import (
    ChannelSchema,
    SubscriptionSchema,
    channel_schemas,
    subscription_schemas,
)
from dagger_actors.supervised.files.file_format import system_schema
from dagger_actors.tasks.agents.importing import kinds_at, names_task_agent
from dagger_actors.tasks.agents.schemas import AgentSchema, agent_schema

__all__ = ["schema"]

Described = ActionSchema | AgentSchema | SubscriptionSchema | ChannelSchema


def schema(
    *,
    kind: Annotated[
        Literal["flow", "system"] | None, Parameter(help="Of which files: flow or system; flow when absent.")
    ] = None,
    imports: Imports = (),
    as_json: AsJson = False,
) -> int:
    """Print the JSON Schema of flow or system files, or with --import those of actions, task agents, subscribers and channels."""
    if kind is not None and imports:
        raise UsageError(
            "--kind is for the schema of files, --import for those of actions and agents", "give one of the two"
        )
    if not imports:
        write_json(system_schema() if kind == "system" else flow_schema())
        return OK
    folder = Path.cwd()
    registry = ActionRegistry()
    for reference in imports:
        if not (names_task_agent(reference, folder) or names_subscriber(reference, folder)):
            registry.load(reference, folder)
    found = [action for name in registry.names() if (action := registry.get(name)) is not None]
    kinds = dict.fromkeys(kind for reference in imports for kind in kinds_at(reference, folder))
    wiring = wiring_at(imports, folder)
    schemas: list[Described] = [
        *map(action_schema, found),
        *map(agent_schema, kinds),
        *subscription_schemas(wiring.subscriptions),
        *channel_schemas(wiring),
    ]
    if as_json:
        write_json(schemas)
        return OK
    for one in schemas:
        sys.stdout.write(printable(described(one)))
    if not schemas:
        sys.stdout.write("no actions there: mark functions with @action or @task_agent, or methods with @subscribe\n")
    return OK


def described(one: Described) -> str:
    """Describe one of them for people."""
    match one:
        case ActionSchema():
            return described_action(one)
        case AgentSchema():
            return described_agent(one)
        case SubscriptionSchema():
            return described_subscription(one)
        case ChannelSchema():
            return described_channel(one)
        case _:
            assert_never(one)


def described_action(one: ActionSchema) -> str:
    """Describe an action for people: a line for each input, and one for the output."""
    lines = [f"{one.name}  ({one.place})"]
    lines += [f"    {line}".rstrip() for line in one.description.splitlines()]
    required = set(one.inputs["required"])
    for name, made in one.inputs["properties"].items():
        lines.append(f"  {name}{'' if name in required else '?'}: {compact(made)}")
    if one.inputs["additionalProperties"]:
        lines.append("  ...: anything")
    return ended(lines, one.inputs, one.output)


def described_agent(one: AgentSchema) -> str:
    """Describe a task agent for people: a line for the payload, and one for the result."""
    lines = [f"{one.name}, a task agent  ({one.place})"]
    lines += [f"    {line}".rstrip() for line in one.description.splitlines()]
    lines.append(f"  {compact(one.payload)}")
    return ended(lines, one.payload, one.result)


def described_subscription(one: SubscriptionSchema) -> str:
    """Describe a subscription for people: a line for each class that it takes, and for each that it gives."""
    lines = [f"{one.name}, a subscription  ({one.place})"]
    lines += [f"    {line}".rstrip() for line in one.description.splitlines()]
    lines += [f"  {', '.join(one.channels)}: {compact(made)}" for made in one.takes.values()]
    lines += [f"  -> {', '.join(one.publishes)}: {compact(made)}" for made in one.gives.values()]
    return with_definitions(lines, *one.takes.values(), *one.gives.values())


def described_channel(one: ChannelSchema) -> str:
    """Describe a channel for people: a line for each class that it takes."""
    lines = [f"{one.name}, a channel", *(f"  {compact(made)}" for made in one.messages.values())]
    return with_definitions(lines, *one.messages.values())


def ended(lines: list[str], taken: dict[str, Any], given: dict[str, Any]) -> str:
    """Add what it gives, and the definitions that both speak of."""
    lines.append(f"  -> {compact(given)}")
    return with_definitions(lines, taken, given)


def with_definitions(lines: list[str], *schemas: dict[str, Any]) -> str:
    """Add the definitions that schemas speak of, each once."""
    found = {name: made for one in schemas for name, made in one.get("$defs", {}).items()}
    return "\n".join([*lines, *(f"  {name} = {compact(made)}" for name, made in found.items())]) + "\n"


def compact(made: dict[str, object]) -> str:
    """Write a schema in one line; nothing is said of a value that may be anything."""
    shown = {key: value for key, value in made.items() if key not in ("$defs", "title", "description")}
    return msgspec.json.encode(shown).decode() if shown else "anything"
