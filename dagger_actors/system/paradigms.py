"""The paradigms of one system, each made with what it needs of the others, and the watch above them.

They meet nowhere else: turns of subscribers make tasks and start runs, bodies of all of them publish to channels, and nodes of
flows await messages. Whoever leaves takes nothing new first, then waits for what runs, channels and tasks together.
"""

from __future__ import annotations

from dagger_actors.bridges.awaitable_channels import KnownChannels
from dagger_actors.bridges.awaited_messages import AwaitedMessages
from dagger_actors.bridges.body_messages import BodyMessages
from dagger_actors.bridges.turn_flows import TurnFlows
from dagger_actors.bridges.turn_tasks import TurnTasks
from dagger_actors.flow.artifacts.artifact_library import ArtifactLibrary
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.running.left_behind import LeftBehind
from dagger_actors.flow.running.recovery import Recovery
from dagger_actors.flow.running.run_events import Observer
from dagger_actors.flow.running.watched import WatchedFlows
from dagger_actors.flow.verbs.caller import Caller
from dagger_actors.flow.verbs.flows import Flows
from dagger_actors.pubsub.members.forsaken import Forsaken
from dagger_actors.pubsub.members.hub import ChannelHub
from dagger_actors.pubsub.turns.sources import Bridges
from dagger_actors.pubsub.verbs.channels import Channels
from dagger_actors.pubsub.verbs.running import Running
from dagger_actors.system.declaration import Declaration
from dagger_actors.system.foundation import Foundation
from dagger_actors.tasks.verbs.tasks import Tasks
from dagger_actors.tasks.working.hub import TaskHub
from dagger_actors.watch import Watch

__all__ = ["Paradigms"]


class Paradigms:
    """Makes them, begins with them, leaves them.

    Args:
        base: What they stand on.
        declared: What is to run.
        observer: Told what changes in runs; None = nobody is.
        task_concurrency: Tasks at once, of all agents.
        recover: Whether work is taken over whose process is gone.

    Attributes:
        flow_hub: The root of flows.
        task_hub: The root of tasks.
        channel_hub: The root of pub/sub.
        flows: The verbs of flows.
        tasks: The verbs of tasks.
        channels: The verbs of channels.
        artifacts: What is stored, by its content.
        running: Waits until nothing is left to do.
        watch: Looks at the file for all of them.
    """

    def __init__(
        self,
        base: Foundation,
        declared: Declaration,
        *,
        observer: Observer | None,
        task_concurrency: int,
        recover: bool,
    ) -> None:
        self._base = base
        self._declared = declared
        messages = BodyMessages(base.runtime, base.store.readers, declared.wiring)
        outside = AwaitedMessages(base.runtime, base.store, KnownChannels(declared.wiring, base.store.readers))
        self.flow_hub = self._flow_hub(messages, outside, observer)
        declared.catalog.channels = outside.channels
        recovery = Recovery(self.flow_hub)
        self.flows = Flows(self.flow_hub, declared.catalog)
        self._turn_flows = TurnFlows(self.flow_hub, declared.catalog, recovery)
        self.artifacts = self._library()
        self.task_hub = self._task_hub(messages, task_concurrency)
        self.tasks = Tasks(self.task_hub)
        self.channel_hub = self._channel_hub(recover=recover)
        messages.attach(self.channel_hub)
        outside.attach(self.channel_hub.arrivals)
        self.channels = Channels(self.channel_hub)
        self.running = Running(self.channel_hub, self._are_others_busy)
        self.watch = self._watch(recovery, recover=recover)

    def begin(self) -> None:
        """Write down what is declared, and go on with what there is to do.

        Raises:
            RequestError: A flow that a trigger starts awaits what it cannot.
            StoreError: The file cannot be written.
        """
        self._declared.triggers.check_awaited()
        self.channel_hub.declare()
        self.task_hub.start()
        self.channel_hub.start()
        self.watch.start()

    def close(self) -> None:
        """Take nothing new; what runs goes on."""
        self.flows.close()
        self.tasks.close()
        self.channels.close()
        self.artifacts.close()
        self.watch.stop()

    def detach(self, grace_s: float) -> None:
        """Give what runs ``grace_s`` to end, then give all back to the file."""
        clock = self._base.runtime.clock
        until_us = clock.now().mono_us + round(grace_s * 1e6)
        idle = self.task_hub.begin_leaving()
        turns = self.channel_hub.begin_leaving()
        self.flow_hub.detach(grace_s)
        self.channel_hub.detach(turns, max(0.0, (until_us - clock.now().mono_us) / 1e6))
        self.task_hub.detach(idle, max(0.0, (until_us - clock.now().mono_us) / 1e6))

    def _flow_hub(self, messages: BodyMessages, outside: AwaitedMessages, observer: Observer | None) -> FlowHub:
        base = self._base
        return FlowHub(
            runtime=base.runtime,
            store=base.store,
            registry=self._declared.catalog.registry,
            gates=base.gates,
            resources=base.resources,
            messages=messages,
            outside=outside,
            channels=outside.channels,
            observers=() if observer is None else (observer,),
            pool=base.usable_pool,
            telemetry=base.telemetry,
        )

    def _task_hub(self, messages: BodyMessages, concurrency: int) -> TaskHub:
        base = self._base
        return TaskHub(
            runtime=base.runtime,
            store=base.store,
            gates=base.gates,
            agents=self._declared.task_agents,
            concurrency=concurrency,
            resources=base.resources,
            messages=messages,
            pool=base.usable_pool,
            telemetry=base.telemetry,
        )

    def _channel_hub(self, *, recover: bool) -> ChannelHub:
        base = self._base
        return ChannelHub(
            runtime=base.runtime,
            store=base.store,
            gates=base.gates,
            members=self._declared.members,
            wiring=self._declared.wiring,
            resources=base.resources,
            recover=recover,
            bridges=Bridges(tasks=TurnTasks(self.task_hub), flows=self._turn_flows),
            telemetry=base.telemetry,
        )

    def _library(self) -> ArtifactLibrary:
        caller, store = Caller(self.flow_hub), self._base.store
        return ArtifactLibrary(
            store,
            lambda run_id: caller.row(run_id).run_key,
            store=store.artifacts,
            commit=caller.commit,
            clock=self._base.runtime.clock,
        )

    def _watch(self, recovery: Recovery, *, recover: bool) -> Watch:
        store = self._base.store
        watch = Watch(
            (
                WatchedFlows(self.flow_hub, recovery, wakes=recover),
                self.task_hub.watched,
                self.channel_hub.watched,
            ),
            errand=self.flow_hub.errand,
            sweeps=(LeftBehind(store).sweep, Forsaken(store, self.channels.subscriptions).look),
            runtime=self._base.runtime,
            store=store,
            recover=recover,
        )
        self.flow_hub.on_opened = self.task_hub.on_changed = self.channel_hub.on_changed = watch.hurry
        return watch

    def _are_others_busy(self) -> bool:
        # In this order: what ceases to be about to be opened is open by then.
        if self._turn_flows.is_busy or self.flow_hub.active:
            return True
        return not (self.tasks.failure or self.tasks.is_at_rest())
