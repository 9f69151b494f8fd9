"""Loads the definition of a system from a YAML file, text or data, with every problem at once, each with its place.

Nothing is imported: what the class references mean is found out by ``resolving.resolve``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast, get_args

import msgspec

from dagger_actors.core.wording import quoted
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.kind import FileKind
from dagger_actors.reading.reader import Reader
from dagger_actors.reading.source import Source, read_content, read_source
from dagger_actors.reading.tree import Fields, Listing, Scalar, Table, Tree, to_data
from dagger_actors.supervised.files.channel_keys import LOOPS, read_channels, read_group, read_subscriptions
from dagger_actors.supervised.files.definition import (
    AgentSpec,
    BackoffSpec,
    Restart,
    SubscriptionSpec,
    Supervision,
    SupervisorSpec,
    SystemDefinition,
)
from dagger_actors.supervised.files.part_keys import (
    MAILBOX,
    read_backoff,
    read_class,
    read_mailbox,
    read_route,
    read_shutdown,
    read_supervision,
    read_word,
)
from dagger_actors.supervised.files.places import AgentPlace, Places
from dagger_actors.supervised.files.task_keys import TASKS, UNSUPERVISED, read_tasks
from dagger_actors.supervised.files.trigger_keys import read_triggers

__all__ = ["SYSTEM_FILE", "load_system", "read_system"]

MAX_AGENTS = 100_000
"""Agents and supervisors of one file."""
MAX_INSTANCES = 10_000
"""Actors of one agent."""
MAX_ACTORS = 1_000_000
"""Actors of one file."""
MAX_DEPTH = 20
"""Supervisors inside one another, the root apart."""

SYSTEM_FILE = FileKind(noun="system", least="A system needs at least `system` and `agents`.")

CHILD = ("restart", "shutdown_s", "significant", "backoff")
SYSTEM = Keys(
    known=("system", "description", "supervision", "schema", "channels", "triggers", "loops", "agents"),
    required=("system", "agents"),
)
AGENT = Keys(
    known=("id", "class", "config", "instances", "route", "key", *CHILD, "mailbox", "tasks", "group", "subscriptions"),
    required=("id", "class"),
    inside={"mailbox": MAILBOX, "tasks": TASKS},
)
SUPERVISOR = Keys(known=("id", "supervision", "agents", *CHILD), required=("id", "agents"))
BOTH = Keys(known=tuple(dict.fromkeys((*AGENT.known, *SUPERVISOR.known))), required=("id",))
RESTARTS = get_args(Restart)


def load_system(source: str | Path | Mapping[str, object] | Source) -> SystemDefinition:
    """Load the definition of one system.

    Args:
        source: The path of a YAML file; or its text (a ``str`` with a line break); or the same structure as data.

    Raises:
        DefinitionError: It is no system; carries every problem, in file order.
    """
    definition, reader = read_system(source)
    reader.refuse()
    return definition


def read_system(source: str | Path | Mapping[str, object] | Source) -> tuple[SystemDefinition, Reader]:
    """Read a system as far as it can be understood.

    Args:
        source: As ``load_system`` takes it.

    Returns:
        The definition, to be used only if the reader has no problems; and the reader, which may take more of them.

    Raises:
        DefinitionError: It cannot be read at all.
    """
    if isinstance(source, str) and "\n" in source:
        # What is no text (half a surrogate pair) is told as what it would be in a file.
        content = read_content(source.encode("utf-8", "surrogatepass"), "<text>", Path.cwd(), SYSTEM_FILE)
        reader = Reader(content.document, content.problems)
        return SystemLoader(reader, "").load(content.tree), reader
    read = read_source(source, SYSTEM_FILE)
    reader = Reader(read.document, read.problems)
    return SystemLoader(reader, read.file).load(read.tree), reader


class Below(msgspec.Struct, frozen=True):
    """What agents must know of the supervisor above them.

    Attributes:
        name: Its name in messages.
        auto_shutdown: When it stops by itself; None when what it says is wrong.
        depth: Supervisors above it.
    """

    name: str
    auto_shutdown: str | None
    depth: int


class SystemLoader:
    """Turns one tree into a definition."""

    def __init__(self, reader: Reader, file: str) -> None:
        self._reader = reader
        self._file = file
        self._ids: dict[str, int] = {}
        self._places: list[AgentPlace] = []
        self._entries = 0
        self._actors = 0
        self._is_wiring_read = True

    def load(self, tree: Tree) -> SystemDefinition:
        """Read everything; what is wrong is complained of and left at its default.

        Raises:
            DefinitionError: It is a flow.
        """
        reader = self._reader
        keys = tree.entries if isinstance(tree, Table) else {}
        if "nodes" in keys and "system" not in keys and "agents" not in keys:
            reader.complain(keys["nodes"].at, "this is a flow, not a system", SYSTEM_FILE.least)
            reader.refuse()
        fields = reader.fields(tree, "the system", SYSTEM) or {}
        name = reader.name(fields["system"].value, "system") if "system" in fields else ""
        description = reader.text(fields["description"].value, "description") if "description" in fields else ""
        supervision, below = self._supervision(fields, "the system", 0)
        schema = reader.name(fields["schema"].value, "schema") if "schema" in fields else ""
        agents = self._agents(fields["agents"].value, below) if "agents" in fields else ()
        reader.subject = ""
        before = reader.complained
        channels, written = read_channels(reader, fields["channels"].value) if "channels" in fields else ({}, {})
        triggers, places = read_triggers(reader, fields["triggers"].value) if "triggers" in fields else ((), ())
        loops = reader.choice(fields["loops"].value, "loops", LOOPS) if "loops" in fields else ""
        self._is_wiring_read &= reader.complained == before
        definition = SystemDefinition(
            name=name or "",
            agents=agents,
            description=description or "",
            supervision=supervision,
            schema=schema or "",
            channels=channels,
            triggers=triggers,
            loops=cast("Literal['', 'acknowledged']", loops or ""),
            file=self._file,
        )
        schema_at = fields["schema"].value.at if "schema" in fields else 0
        vars(definition)["places"] = Places(
            reader.document, tuple(self._places), schema_at, written, places, self._is_wiring_read
        )
        return definition

    def _supervision(self, fields: Fields, name: str, depth: int) -> tuple[Supervision, Below]:
        supervision, is_known = Supervision(), True
        if "supervision" in fields:
            supervision, is_known = read_supervision(self._reader, fields["supervision"].value)
        return supervision, Below(name, supervision.auto_shutdown if is_known else None, depth)

    def _agents(self, tree: Tree, above: Below) -> tuple[AgentSpec | SupervisorSpec, ...]:
        """Read what is below one supervisor."""
        trees = self._reader.items(tree, "agents")
        if not trees and isinstance(tree, Listing):
            advice = "A supervisor needs at least one agent: - {id: first, class: module:Class}"
            self._reader.complain(tree.at, "agents is empty", advice)
        if trees and above.depth > MAX_DEPTH:
            message = f"more than {MAX_DEPTH} supervisors inside one another"
            self._reader.complain(tree.at, message, "Flatten the tree.")
            return ()
        read: list[AgentSpec | SupervisorSpec] = []
        for item in trees:
            self._reader.subject = ""
            self._entries += 1
            if self._entries > MAX_AGENTS:
                if self._entries == MAX_AGENTS + 1:
                    message = f"more than {MAX_AGENTS:,} agents in one system"
                    self._reader.complain(item.at, message, "Give an agent `instances`, or make two systems.")
                break
            read.append(self._child(item, above))
        return tuple(read)

    def _child(self, tree: Tree, above: Below) -> AgentSpec | SupervisorSpec:
        reader = self._reader
        entries = tree.entries if isinstance(tree, Table) else {}
        is_supervisor = "agents" in entries or ("supervision" in entries and "class" not in entries)
        noun = "supervisor" if is_supervisor else "agent"
        is_both = is_supervisor and "class" in entries
        is_neither = bool(entries) and not is_supervisor and "class" not in entries
        keys = BOTH if is_both or is_neither else SUPERVISOR if is_supervisor else AGENT
        fields = reader.fields(tree, ChildName(tree, noun), keys) or {}
        name = self._id(fields["id"].value) if "id" in fields else ""
        reader.subject, reader.noun = name, noun
        if is_both:
            advice = "An agent has a class, a supervisor has agents; remove one of the two."
            reader.complain(fields["class"].at, "both `class` and `agents`", advice)
        if is_neither:
            advice = "Add `class: module:Class`; or `agents: [...]`, then it is a supervisor."
            reader.complain(tree.at, "neither `class` nor `agents`", advice)
        if is_supervisor:
            return self._supervisor(name, fields, above)
        return self._agent(name, tree.at, fields, above)

    def _id(self, tree: Tree) -> str:
        """Read an id, which no other may have; empty when it cannot be used."""
        name = self._reader.name(tree, "id")
        if name is None:
            return ""
        if name in self._ids:
            first = self._reader.document.where(self._ids[name])
            message = f"the id {quoted(name)} is doubled; it stands at {first} already"
            self._reader.complain(tree.at, message, "Choose another id; it is the name that others find it by.")
        else:
            self._ids[name] = tree.at
        return name

    def _supervisor(self, name: str, fields: Fields, above: Below) -> SupervisorSpec:
        restart, significant, backoff = self._restart(fields, above)
        shutdown_s = read_shutdown(self._reader, fields["shutdown_s"].value) if "shutdown_s" in fields else None
        what = f"the supervisor {quoted(name)}" if name else "its supervisor"
        supervision, below = self._supervision(fields, what, above.depth + 1)
        return SupervisorSpec(
            id=name,
            restart=restart,
            significant=significant,
            backoff=backoff,
            supervision=supervision,
            agents=self._agents(fields["agents"].value, below) if "agents" in fields else (),
            shutdown_s=shutdown_s,
        )

    def _agent(self, name: str, at: int, fields: Fields, above: Below) -> AgentSpec:
        reader = self._reader
        restart, significant, backoff = self._restart(fields, above)
        route, key = read_route(reader, fields)
        config = fields["config"].value if "config" in fields else None
        spec = AgentSpec(
            id=name,
            restart=restart,
            significant=significant,
            backoff=backoff,
            class_reference=read_class(reader, fields["class"].value) if "class" in fields else "",
            config=self._config(config) if config is not None else {},
            instances=self._instances(fields["instances"].value) if "instances" in fields else self._counted(1, at),
            route=route,
            key=key,
            shutdown_s=read_shutdown(reader, fields["shutdown_s"].value) if "shutdown_s" in fields else 5.0,
            mailbox=read_mailbox(reader, fields["mailbox"].value) if "mailbox" in fields else None,
            tasks=read_tasks(reader, fields["tasks"].value) if "tasks" in fields else None,
            group=read_group(reader, fields["group"].value) if "group" in fields else "",
            subscriptions=self._subscriptions(fields),
        )
        self._places.append(
            AgentPlace(
                at,
                fields["class"].value.at if "class" in fields else at,
                config,
                fields.get("tasks"),
                fields.get("group"),
                fields.get("subscriptions"),
                is_nested=above.depth > 0,
                supervised=tuple((key, field.at) for key, field in fields.items() if key in UNSUPERVISED),
            )
        )
        return spec

    def _subscriptions(self, fields: Fields) -> dict[str, SubscriptionSpec] | None:
        if "subscriptions" not in fields:
            return None
        before = self._reader.complained
        read = read_subscriptions(self._reader, fields["subscriptions"].value)
        self._is_wiring_read &= self._reader.complained == before
        return read

    def _restart(self, fields: Fields, above: Below) -> tuple[Restart, bool, BackoffSpec | None]:
        """Read what is done at an end, and check that it makes sense together, as OTP does."""
        reader = self._reader
        restart = (
            read_word(reader, fields["restart"].value, "restart", RESTARTS) if "restart" in fields else "permanent"
        )
        significant = reader.flag(fields["significant"].value, "significant") if "significant" in fields else False
        backoff = read_backoff(reader, fields["backoff"].value) if "backoff" in fields else None
        if significant:
            at = fields["significant"].value.at
            if restart == "permanent":
                message = "what is permanent cannot be significant, for it never ends for good"
                reader.complain(at, message, "Write restart: transient or temporary, or remove `significant`.")
            if above.auto_shutdown == "never":
                message = f"significant: true does nothing, for {above.name} has auto_shutdown: never"
                advice = "Give that supervision: {auto_shutdown: any_significant}, or remove `significant`."
                reader.complain(at, message, advice)
        if backoff is not None and restart == "temporary":
            message = "backoff does nothing, for what is temporary is never restarted"
            reader.complain(fields["backoff"].at, message, "Write restart: transient, or remove `backoff`.")
        return cast("Restart", restart or "permanent"), bool(significant), backoff

    def _config(self, tree: Tree) -> dict[str, object]:
        if not isinstance(tree, Table):
            self._reader.entries(tree, "config")
            return {}
        self._reader.json(tree, "config")
        return cast("dict[str, object]", to_data(tree))

    def _instances(self, tree: Tree) -> int:
        return self._counted(self._reader.count(tree, "instances", MAX_INSTANCES) or 1, tree.at)

    def _counted(self, instances: int, at: int) -> int:
        was_within = self._actors <= MAX_ACTORS
        self._actors += instances
        if was_within and self._actors > MAX_ACTORS:
            message = f"more than {MAX_ACTORS:,} actors in one system, all instances counted"
            self._reader.complain(at, message, "Lower `instances`, or make two systems.")
        return instances


class ChildName(msgspec.Struct, gc=False):
    """An agent or supervisor in messages before its id is known to be one; its text is made only when it is told."""

    tree: Tree
    noun: str

    def __str__(self) -> str:
        tree = self.tree
        if isinstance(tree, Table) and (field := tree.entries.get("id")) and isinstance(field.value, Scalar):
            return f"{self.noun} {quoted(field.value.value)}"
        return "an agent" if self.noun == "agent" else "a supervisor"
