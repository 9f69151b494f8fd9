"""The builder of flows: each call says what a key of a flow file says, by the same name.

It keeps what a file would hold and nothing else. So there is one reader of flows: what it complains of in files it complains of
here, at the line of the call; and the text that ``to_yaml`` gives means the very same flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from dagger_actors.core.retry import RetryWait
from dagger_actors.core.trigger import Trigger
from dagger_actors.core.wording import quoted
from dagger_actors.flow.building.functions import ActionLike
from dagger_actors.flow.building.places import Place, calling_place, refusal
from dagger_actors.flow.building.record import Record
from dagger_actors.flow.building.sources import Condition, Given, Input, Map, Node, refuse_misplaced, refuse_nameless
from dagger_actors.flow.building.written import listed, present, sources_in, strategy
from dagger_actors.flow.definition import Durability, InputType, Isolation, OnFailure, OnTimeout
from dagger_actors.reading.source import Source as ReadSource

__all__ = ["Flow"]

Hooked = ActionLike | Sequence[ActionLike]
Errors = Sequence[type[BaseException] | str]
Class = type
"""Where an option is called ``type``."""
KINDS = {int: "int", float: "float", str: "str", bool: "bool", list: "list", dict: "dict"}


class Flow:
    """A flow, built by calls instead of read from a file.

    Wherever a system takes the path of a flow file, it takes one of these. Actions are given as functions, marked or not, or
    by name. Mistakes are told when it is loaded or started, all at once, each with the line of its call.

    Args:
        name: Its name.
        description: What it is for; like the others as in a flow file.
        author: Who wrote it.
        version: Its author's.
        signature: Its author's.
        instructions: For people and agents.
        tags: By which it is found.
        actions: Modules and files that hold actions which are given by name.

    Attributes:
        name: As given.
    """

    def __init__(
        self,
        name: str,
        *,
        description: str | None = None,
        author: str | None = None,
        version: str | None = None,
        signature: str | None = None,
        instructions: str | None = None,
        tags: Sequence[str] = (),
        actions: Sequence[str] = (),
    ) -> None:
        self.name = name
        texts = {
            "description": description,
            "author": author,
            "version": version,
            "signature": signature,
            "instructions": instructions,
        }
        head = {"name": name, **present(texts), **({"tags": listed("tags", tags)} if tags else {})}
        self._record = Record(head, listed("actions", actions), calling_place())

    def __repr__(self) -> str:
        return f"<Flow {self.name!r}>"

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """The functions among its actions."""
        return tuple(self._record.functions)

    def input(
        self,
        name: str,
        kind: type | None = None,
        *,
        default: Any = msgspec.UNSET,
        description: str | None = None,
        secret: bool = False,
    ) -> Input:
        """Declare an input.

        Args:
            name: Its name.
            kind: ``int``, ``float``, ``str``, ``bool``, ``list`` or ``dict``; None = anything.
            default: Its value when none is given; without one it is required.
            description: For people.
            secret: Its value is the name of an environment variable and is stored nowhere.

        Returns:
            The input, as a value for nodes.

        Raises:
            DefinitionError: There is one of this name, or the type is none of these.
        """
        place = calling_place()
        if name in self._record.inputs:
            raise refusal(place, f"the input {quoted(name)} is declared already", "Keep what input() gave and use it.")
        written: dict[str, Any] = {} if kind is None else {"type": _kind(place, f"the input {quoted(name)}", kind)}
        if default is not msgspec.UNSET:
            written["default"] = default
        written |= present({"description": description, "secret": secret or None})
        self._record.inputs[name] = written
        self._record.say("inputs", [name], place)
        return Input(self, name)

    def node(
        self,
        node_id: str,
        action: ActionLike,
        *,
        inputs: Mapping[str, Given] | None = None,
        dependencies: Sequence[Node] | None = None,
        outputs: Sequence[str] | None = None,
        map: Map | None = None,  # noqa: A002 - every option has the name of its key
        trigger: Trigger | None = None,
        when: Condition | None = None,
        timeout: float | None = None,
        try_count: int | None = None,
        onfailure: bool | None = None,
        retry_strategy: RetryWait | None = None,
        retry_on: Errors = (),
        give_up_on: Errors = (),
        on_failure: OnFailure | None = None,
        failure: ActionLike | None = None,
        priority: int | None = None,
        cache: bool | Mapping[Literal["ttl_s"], float] | None = None,
        durability: Durability | Literal["best_effort"] | None = None,
        isolation: Isolation | None = None,
        description: str | None = None,
        instructions: str | None = None,
    ) -> Node:
        """Add a node that runs an action; whatever is not given is as in a flow file without that key.

        Args:
            node_id: Its id.
            action: What it runs.
            inputs: The action's arguments: nodes, outputs of theirs (``node["name"]``), inputs; anything else is a literal.
                None = parameters named as an ancestor or an input get its value.
            dependencies: Nodes it waits for; None = those that its inputs and its map come from.
            outputs: Names that the action must produce.
            map: One invocation for each item of a list.
            trigger: How its dependencies must have ended.
            when: What must hold besides.
            timeout: Seconds for one attempt.
            try_count: Total tries.
            onfailure: False = one try.
            retry_strategy: How long to wait between tries.
            retry_on: Exceptions worth another try, as classes or names; needs ``retry_strategy``.
            give_up_on: Exceptions that end it at once; needs ``retry_strategy``.
            on_failure: What its final failure does to the run.
            failure: An action that is called once when it has failed for good.
            priority: Of nodes that are ready, those with a higher one start first.
            cache: Reuse an output of the same action with the same inputs; ``{"ttl_s": 60}`` = for so long.
            durability: ``at_most_once`` = never repeated by itself.
            isolation: Where it runs.
            description: For people.
            instructions: For people and agents.

        Returns:
            The node, as a value for others.

        Raises:
            DefinitionError: Something given belongs to another flow.
            TypeError: An action is neither a function nor a name, or a list is none.
        """
        entries = {
            "action": self._record.action(action),
            "dependencies": dependencies,
            "inputs": inputs,
            "outputs": outputs if outputs is None else listed("outputs", outputs),
            "map": map,
            "trigger": trigger,
            "when": when,
            "timeout": timeout,
            "try_count": try_count,
            "onfailure": onfailure,
            "retry_strategy": strategy(retry_strategy, retry_on, give_up_on),
            "on_failure": on_failure,
            "failure": None if failure is None else self._record.action(failure),
            "priority": priority,
            "cache": cache,
            "durability": durability,
            "isolation": isolation,
            "description": description,
            "instructions": instructions,
        }
        return self._add(node_id, entries, calling_place())

    def sub_flow(
        self,
        node_id: str,
        flow: str | Path,
        *,
        inputs: Mapping[str, Given] | None = None,
        dependencies: Sequence[Node] | None = None,
        map: Map | None = None,  # noqa: A002 - every option has the name of its key
        trigger: Trigger | None = None,
        when: Condition | None = None,
        timeout: float | None = None,
        on_failure: OnFailure | None = None,
        failure: ActionLike | None = None,
        priority: int | None = None,
        description: str | None = None,
        instructions: str | None = None,
    ) -> Node:
        """Add a node that runs another flow, whose outputs are its output.

        Args:
            node_id: Its id.
            flow: A path relative to the current folder (in a file that holds this flow, to that file's), or the name of a
                flow that the system has loaded.
            inputs: Those of that flow, as in ``node``, like what follows.
            dependencies: Nodes it waits for.
            map: One run of it for each item of a list.
            trigger: How its dependencies must have ended.
            when: What must hold besides.
            timeout: Seconds for the whole run of it.
            on_failure: What its failure does to the run.
            failure: An action that is called once when it has failed.
            priority: As of a node.
            description: For people.
            instructions: For people and agents.

        Returns:
            The node, as a value for others.

        Raises:
            DefinitionError: Something given belongs to another flow.
            TypeError: An action is neither a function nor a name.
        """
        entries = {
            "flow": flow,
            "dependencies": dependencies,
            "inputs": inputs,
            "map": map,
            "trigger": trigger,
            "when": when,
            "timeout": timeout,
            "on_failure": on_failure,
            "failure": None if failure is None else self._record.action(failure),
            "priority": priority,
            "description": description,
            "instructions": instructions,
        }
        return self._add(node_id, entries, calling_place())

    def await_message(
        self,
        node_id: str,
        channel: str,
        *,
        match: Mapping[str, Given] | None = None,
        timeout_s: float | None = None,
        start: Literal["latest", "earliest"] | None = None,
        dependencies: Sequence[Node] | None = None,
        trigger: Trigger | None = None,
        when: Condition | None = None,
        on_failure: OnFailure | None = None,
        failure: ActionLike | None = None,
        description: str | None = None,
        instructions: str | None = None,
    ) -> Node:
        """Add a node that waits for a message of a channel, which is its output.

        Args:
            node_id: Its id.
            channel: The channel's name.
            match: Paths of the message's fields, and what each must equal.
            timeout_s: Seconds until it times out; None = it waits on.
            start: ``earliest`` = a message that was there before counts too; a file's ``from``.
            dependencies: As in ``node``, like what follows.
            trigger: How they must have ended.
            when: What must hold besides.
            on_failure: What its time-out does to the run.
            failure: An action that is called once when it has timed out.
            description: For people.
            instructions: For people and agents.

        Returns:
            The node, as a value for others.

        Raises:
            DefinitionError: Something given belongs to another flow.
            TypeError: An action is neither a function nor a name.
        """
        entries = {
            "await_message": {"channel": channel, "match": match, "timeout_s": timeout_s, "from": start},
            "dependencies": dependencies,
            "trigger": trigger,
            "when": when,
            "on_failure": on_failure,
            "failure": None if failure is None else self._record.action(failure),
            "description": description,
            "instructions": instructions,
        }
        return self._add(node_id, entries, calling_place())

    def approval(
        self,
        node_id: str,
        message: str | None = None,
        *,
        type: Class | InputType | None = None,  # noqa: A002 - the file's word
        timeout_s: float | None = None,
        on_timeout: OnTimeout | None = None,
        default: Any = msgspec.UNSET,
        dependencies: Sequence[Node] | None = None,
        trigger: Trigger | None = None,
        when: Condition | None = None,
        on_failure: OnFailure | None = None,
        failure: ActionLike | None = None,
        description: str | None = None,
        instructions: str | None = None,
    ) -> Node:
        """Add a node that asks a person, whose answer is its output; a rejection is its failure.

        Args:
            node_id: Its id.
            message: What the person is asked.
            type: What the answer must be, a class as in ``input`` or its name in a file; ``bool`` unless it is said: yes or no.
            timeout_s: Seconds until ``on_timeout``; None = as the flow's ``config`` says.
            on_timeout: ``pause`` or ``autopilot``; None = as the flow's ``config`` says.
            default: The answer of the autopilot; None is one too.
            dependencies: As in ``node``, like what follows.
            trigger: How they must have ended.
            when: What must hold besides.
            on_failure: What a rejection does to the run.
            failure: An action that is called once when it has been rejected.
            description: For people.
            instructions: For people and agents.

        Returns:
            The node, as a value for others.

        Raises:
            DefinitionError: Something given belongs to another flow, or the type is none of these.
            TypeError: An action is neither a function nor a name.
        """
        place = calling_place()
        kind = (
            type
            if type is None or isinstance(type, str)
            else _kind(place, f"the answer of node {quoted(node_id)}", type)
        )
        asks = present({"message": message, "type": kind, "timeout_s": timeout_s, "on_timeout": on_timeout})
        entries = {
            "approval": asks if default is msgspec.UNSET else asks | {"default": default},
            "dependencies": dependencies,
            "trigger": trigger,
            "when": when,
            "on_failure": on_failure,
            "failure": None if failure is None else self._record.action(failure),
            "description": description,
            "instructions": instructions,
        }
        return self._add(node_id, entries, place)

    def outputs(self, named: Mapping[str, Given] | None = None, /, **more: Given) -> None:
        """Say what the run's result is; without it, that is the outputs of the last nodes.

        Args:
            named: Names that are none of Python's.
            more: The others.

        Raises:
            DefinitionError: Something given belongs to another flow.
            TypeError: They have no names.
        """
        refuse_nameless("outputs", named)
        outputs, place = {**(named or {}), **more}, calling_place()
        self._refuse_foreign(outputs.values(), place)
        self._record.outputs |= outputs
        self._record.say("outputs", outputs, place)

    def config(
        self,
        *,
        on_failure: OnFailure | None = None,
        timeout_seconds: float | None = None,
        enable_parallel_execution: bool | None = None,
        max_parallel_nodes: int | None = None,
        max_attempts: int | None = None,
        retry_strategy: RetryWait | None = None,
        retry_on: Errors = (),
        give_up_on: Errors = (),
        max_iterations: int | None = None,
        human_wait_minutes: float | None = None,
        human_timeout_action: OnTimeout | None = None,
    ) -> None:
        """Set what holds for the whole flow; a node's own beats it.

        Args:
            on_failure: What a node's final failure does to the run.
            timeout_seconds: The run's whole time, pauses apart.
            enable_parallel_execution: False = one node at a time.
            max_parallel_nodes: Live attempts at once.
            max_attempts: Total tries of each node that has no ``try_count``.
            retry_strategy: Of each node that has none.
            retry_on: As in ``node``.
            give_up_on: As in ``node``.
            max_iterations: How many additions of nodes may lead on from one another.
            human_wait_minutes: How long each person is waited for whose node has no ``timeout_s``.
            human_timeout_action: What then, where a node has no ``on_timeout``.
        """
        settings = present(
            {
                "on_failure": on_failure,
                "timeout_seconds": timeout_seconds,
                "enable_parallel_execution": enable_parallel_execution,
                "max_parallel_nodes": max_parallel_nodes,
                "max_attempts": max_attempts,
                "retry_strategy": strategy(retry_strategy, retry_on, give_up_on),
                "max_iterations": max_iterations,
                "human_wait_minutes": human_wait_minutes,
                "human_timeout_action": human_timeout_action,
            }
        )
        self._record.config |= settings
        self._record.say("config", settings, calling_place())

    def hooks(
        self,
        *,
        run_start: Hooked = (),
        node_start: Hooked = (),
        node_success: Hooked = (),
        node_failure: Hooked = (),
        node_retry: Hooked = (),
        run_end: Hooked = (),
    ) -> None:
        """Have actions called when something happens; said twice, both are called.

        Args:
            run_start: Before the first node begins.
            node_start: Before a node begins.
            node_success: When a node has succeeded.
            node_failure: When a node has failed for good.
            node_retry: When an attempt has failed and will be made again.
            run_end: When all is done, before the run ends.

        Raises:
            TypeError: An action is neither a function nor a name.
        """
        hooked = {
            "run_start": run_start,
            "node_start": node_start,
            "node_success": node_success,
            "node_failure": node_failure,
            "node_retry": node_retry,
            "run_end": run_end,
        }
        for event, actions in hooked.items():
            several = actions if isinstance(actions, Sequence) and not isinstance(actions, str) else (actions,)
            self._record.hooks.setdefault(event, []).extend(map(self._record.action, several))
        self._record.say("hooks", [event for event, actions in hooked.items() if actions], calling_place())

    def data(self) -> dict[str, Any]:
        """What a flow file would hold, as plain data."""
        return self._record.data()

    def to_yaml(self) -> str:
        """The flow file that means the very same flow.

        Functions that no other process could import (one inside another function, one of a notebook) are in it by name
        alone: to run it, give them to the system, ``ActorSystem(actions=[...])``.

        Raises:
            DefinitionError: It holds what no file can, each with the line of its call.
        """
        return self._record.to_yaml()

    def source(self) -> ReadSource:
        """What the reader of flow files reads instead of a file."""
        return self._record.source()

    def _add(self, node_id: str, entries: dict[str, Any], place: Place) -> Node:
        wait = entries.get("await_message") or {}
        refuse_misplaced(entries)
        if "flow" in entries:
            entries["flow"] = str(entries["flow"])
        given = [*(entries.get("inputs") or {}).values(), *(wait.get("match") or {}).values()]
        given += [*(entries["dependencies"] or ()), entries.get("map"), entries["when"]]
        self._refuse_foreign(given, place)
        self._record.nodes.append({"id": node_id, **present(entries)})
        self._record.node_places.append(place)
        return Node(self, node_id)

    def _refuse_foreign(self, given: Iterable[object], place: Place) -> None:
        for source in (source for one in given for source in sources_in(one)):
            if source.flow is not self:
                message = f"{source!r} belongs to another flow, {quoted(source.flow.name)}"
                raise refusal(place, message, "Give nodes and inputs of this flow.")


def _kind(place: Place, what: str, kind: type) -> str:
    """The name that a file calls a class of values by."""
    if kind not in KINDS:
        known = ", ".join(one.__name__ for one in KINDS)
        raise refusal(place, f"{what} cannot be of type {kind!r:.100}", f"Give one of {known}.")
    return KINDS[kind]
