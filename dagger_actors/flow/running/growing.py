"""Growth of runs: what an attempt asks to add is read here, kept with its turn, and judged once more when that ends."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping

import msgspec

from dagger_actors.bodies.body import BodyActor
from dagger_actors.errors import AttemptOver, GrowthRefused
from dagger_actors.flow.actions.additions import WantedNodes
from dagger_actors.flow.definition import Growth, InputSpec
from dagger_actors.flow.loading.awaits import AwaitableChannels
from dagger_actors.flow.loading.growth import Added, Grown, read_growth, runs_flows
from dagger_actors.flow.loading.sub_flows import SubFlows
from dagger_actors.flow.machine.growth import beyond_iterations
from dagger_actors.flow.machine.invocations import Invocations
from dagger_actors.flow.running.active import ActiveRun
from dagger_actors.flow.running.inner_actions import InnerActions

__all__ = ["GrowthReader"]

_wanted = msgspec.msgpack.Decoder(WantedNodes)
_encode = msgspec.msgpack.Encoder().encode


class GrowthReader:
    """Answers attempts that want to add nodes; any thread.

    Args:
        find: Gives a run that is open here; None when it is not.
        channels: Those that nodes may await messages of.
        flows: Gives what finds the flows that the nodes of a run may run.
        inner: Knows what runs for nodes that run flows.
    """

    def __init__(
        self,
        find: Callable[[str], ActiveRun | None],
        channels: AwaitableChannels,
        flows: Callable[[ActiveRun], SubFlows],
        inner: InnerActions,
    ) -> None:
        self._inner = inner
        self._find = find
        self._flows = flows
        self._channels = channels
        self._lock = threading.Lock()
        self._positions: weakref.WeakKeyDictionary[Invocations, dict[str, int]] = weakref.WeakKeyDictionary()
        self._added: weakref.WeakKeyDictionary[BodyActor, Added] = weakref.WeakKeyDictionary()
        """What attempts add by now: kept, so that one more call costs as much as the first."""

    def answer(self, arguments: bytes) -> bytes:
        """Read the nodes of ``WantedNodes``; gives a ``Growth`` of them, or None: tell what was added before, too.

        Raises:
            GrowthRefused: They cannot be added.
            AttemptOver: The run is not open here any more.
        """
        wanted = _wanted.decode(arguments)
        active = self._find(wanted.run_id)
        work = active.emitter.work if active is not None else None
        if active is None or work is None:
            raise AttemptOver("what it adds")
        definition = work.definition
        if told := beyond_iterations(work.nodes[wanted.node], definition.config):
            raise GrowthRefused(told)
        actor = active.emitter.actors.get((wanted.node, wanted.item, wanted.attempt))
        positions = self._index(work)
        written = msgspec.json.decode(wanted.nodes)
        flows = self._flows(active) if runs_flows(written) else None
        run = Grown(
            nodes=work.nodes,
            positions=positions,
            count=active.emitter.reach,
            inputs=definition.inputs if definition.inputs is not None else dict.fromkeys(active.inputs, InputSpec()),
            config=definition.config,
            registry=active.actions,
            channels=self._channels,
            flows=flows,
            runs=self._inner.of(active, work),
        )
        added = self._taken(wanted, actor, run.count)
        if added is None:
            return _encode(None)
        nodes = tuple(read_growth(run, written, added))
        if actor is not None:
            with self._lock:
                self._added[actor] = added
        bodies = {} if flows is None else {one: bytes(body).decode() for one, body in flows.bodies.items()}
        return _encode(Growth(base=added.base, nodes=nodes, flows=bodies))

    def _taken(self, wanted: WantedNodes, actor: BodyActor | None, count: int) -> Added | None:
        """What the attempt adds already; taken away, for it is changed now."""
        if wanted.before is not None:
            return Added(wanted.before.base, wanted.before.nodes, wanted.before.flows)
        if not wanted.count:
            return Added(count)
        with self._lock:
            added = self._added.pop(actor, None) if actor is not None else None
        return added if added is not None and len(added.nodes) == wanted.count else None

    def _index(self, work: Invocations) -> Mapping[str, int]:
        """The positions of the nodes by id, as far as there are any by now; the machine goes on adding meanwhile."""
        with self._lock:
            known = self._positions.setdefault(work, {})
            for position in range(len(known), len(work.nodes)):
                known[work.nodes[position].id] = position
            return known
