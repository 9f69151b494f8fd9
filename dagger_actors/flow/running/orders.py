"""From what an attempt has returned, or kept with its turn, to what its run is to do: judged whole before any of it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, assert_never

import msgspec

from dagger_actors.bodies.actions import Action
from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.core.messages import Inline, Succeeded
from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import GrowthRefused, HookRefused, InputError
from dagger_actors.flow.actions.additions import decode_growth
from dagger_actors.flow.actions.commands import (
    AddNodes,
    CancelNode,
    CancelRun,
    Command,
    EmitEvent,
    PauseRun,
    ResumeRun,
    SetInputs,
    decode_commands,
)
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.definition import Growth, InputSpec, SubFlow
from dagger_actors.flow.loading.awaits import AwaitableChannels
from dagger_actors.flow.loading.growth import Added, Grown, read_growth, runs_flows
from dagger_actors.flow.loading.sub_flows import SubFlows
from dagger_actors.flow.machine.machine import FlowMachine
from dagger_actors.flow.machine.orders import CancelVertex, Emit, Order, Pause, Resume, Rewire, Stop

__all__ = ["OrderReader"]

MOST_COMMANDS = 10_000
LARGEST_EVENT = 64 * 1024
PLAIN: Final[dict[type[Command], Order]] = {PauseRun: Pause(), ResumeRun: Resume(), CancelRun: Stop()}


class OrderReader:
    """Reads orders of one run.

    Args:
        machine: The run's; it says whether an order can be followed.
        inputs: The names of the run's inputs.
        actions: The run's actions.
        artifacts: Hold what a hook has returned, which nobody has committed yet.
        channels: Those that nodes may await messages of.
        flows: Gives what finds the flows that nodes may run.
        runs: Knows what runs for nodes that run flows, see ``Grown``.
    """

    def __init__(
        self,
        machine: FlowMachine,
        *,
        inputs: Mapping[str, object],
        actions: ActionRegistry,
        artifacts: ArtifactSource,
        channels: AwaitableChannels,
        flows: Callable[[], SubFlows],
        runs: Callable[[SubFlow, Mapping[str, str]], Action],
    ) -> None:
        self._runs = runs
        self._channels = channels
        self._flows = flows
        self._machine = machine
        self._work = machine.work
        self._inputs = inputs
        self._actions = actions
        self._artifacts = artifacts

    def read(self, node: int, outcome: Succeeded) -> tuple[Order, ...]:
        """What a node that has succeeded tells its run to do.

        Raises:
            GrowthRefused, HookRefused: The run cannot do it.
            StoreError: What it returned cannot be read.
        """
        call = self._work.nodes[node].call
        is_hook = call is not None and call.event != "failure"
        if not is_hook and not outcome.turn.growth:
            return ()  # nearly always
        orders: list[Order] = []
        if outcome.turn.growth:
            orders.append(decode_growth(outcome.turn.growth))
        if is_hook:
            orders += self._orders(node, outcome)
        _check_growth(orders)
        for order in orders:
            reason = self._machine.why_not(node, order)
            if reason is not None:
                raise GrowthRefused(reason) if isinstance(order, Growth) else HookRefused(reason)
        return tuple(orders)

    def _orders(self, node: int, outcome: Succeeded) -> list[Order]:
        try:
            commands = decode_commands(self._returned(outcome))
        except msgspec.DecodeError as error:
            raise HookRefused(f"a hook returns None, a command, or a list of commands: {error}") from None
        if len(commands) > MOST_COMMANDS:
            raise HookRefused(f"a hook returns at most {MOST_COMMANDS:,} commands, not {len(commands):,}")
        orders: list[Order] = []
        added, behind = Added(len(self._work.nodes)), 0
        for command in commands:
            if isinstance(command, AddNodes):
                read_growth(self._grown(command.nodes), command.nodes, added)
                behind = len(orders)
            else:
                orders.append(self._order(node, command))
        if added.nodes:
            orders.insert(behind, added.growth)  # all in one, where the last of them stands
        return orders

    def _returned(self, outcome: Succeeded) -> bytes:
        output = outcome.output
        if isinstance(output, Inline):
            return output.json
        record = next(one for one in outcome.turn.artifacts if one.artifact_id == output.artifact_id)
        return self._artifacts.content(record)

    def _order(
        self, node: int, command: SetInputs | CancelNode | EmitEvent | PauseRun | ResumeRun | CancelRun
    ) -> Order:
        match command:
            case SetInputs():
                return self._rewire(command)
            case CancelNode(node=name):
                return CancelVertex(self._position(name))
            case EmitEvent():
                return _emit(command, self._work.nodes[node].id)
            case PauseRun() | ResumeRun() | CancelRun():
                return PLAIN[type(command)]
            case _:
                assert_never(command)

    def _grown(self, nodes: Sequence[object]) -> Grown:
        work = self._work
        declared = work.definition.inputs
        return Grown(
            nodes=work.nodes,
            positions=work.positions,
            count=len(work.nodes),
            inputs=declared if declared is not None else dict.fromkeys(self._inputs, InputSpec()),
            config=work.definition.config,
            registry=self._actions,
            channels=self._channels,
            flows=self._flows() if runs_flows(nodes) else None,
            runs=self._runs,
        )

    def _position(self, name: str) -> int:
        positions = self._work.positions
        found = positions.get(name)
        if found is None:
            near = nearest(name, positions)
            hint = f" (did you mean {quoted(near)}?)" if near is not None else ""
            raise HookRefused(f"the run has no node {quoted(name)}{hint}")
        return found

    def _rewire(self, command: SetInputs) -> Rewire:
        position = self._position(command.node)
        action = self._actions.get(self._work.nodes[position].action)
        if action is None:
            raise HookRefused(f"the node {quoted(command.node)} runs no action, so it has no inputs")
        given = [(name, msgspec.json.encode(value).decode()) for name, value in command.inputs.items()]
        for name, json in given:
            _check(action, name, json)
        return Rewire(position, tuple(given))


def _emit(command: EmitEvent, node_id: str) -> Emit:
    json = msgspec.json.encode(command.data)
    if not 1 <= len(command.name) <= 200 or not command.name.isprintable() or len(json) > LARGEST_EVENT:
        raise HookRefused("an event has a name of 1 to 200 printable characters, and at most 64 KiB of data")
    return Emit(command.name, json.decode(), node_id)


def _check(action: Action, name: str, json: str) -> None:
    parameter = action.by_name.get(name)
    if parameter is None:
        if not action.accepts_any:
            raise HookRefused(f"the action {quoted(action.name)} takes no input {quoted(name)}")
        return
    try:
        parameter.decode(json)
    except InputError as error:
        raise HookRefused(str(error)) from None


def _check_growth(orders: list[Order]) -> None:
    kinds = [type(order) for order in orders]
    if kinds.count(Growth) > 1:
        # What an attempt adds by its context, and by commands, are two readings: only one of them can be.
        raise HookRefused("a hook adds nodes by ctx.add_nodes or by returning AddNodes, not by both")
    if Growth in kinds and Stop in kinds[: kinds.index(Growth)]:
        raise HookRefused("nothing is added to a run behind CancelRun: return CancelRun last, or alone")
