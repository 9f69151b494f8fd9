"""A supervisor: an actor that feeds what happens to its machine, and does what that decides.

It runs no code of users: its children do, in turns of their own. All supervisors take their turns on the dispatcher
``control``. A supervisor is itself the child of another one, or of the system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from pykka._envelope import Envelope  # part of the inbox protocol that pykka documents for new actor types

from dagger_actors.actors.actor import Actor as PooledActor
from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.core import supervision as core
from dagger_actors.core.supervision import SupervisionMachine
from dagger_actors.errors import ActorError, ChildRefused, DaggerError, SupervisorFailed
from dagger_actors.supervised.pool import Pool
from dagger_actors.supervised.restart_log import is_logged, log_restart
from dagger_actors.supervised.spec import ChildSpec, Supervisor, core_child, core_supervision
from dagger_actors.supervised.wire import text_of

if TYPE_CHECKING:
    from dagger_actors.supervised.family import ChildHandle, ExitKind, Parent
    from dagger_actors.supervised.house import House

__all__ = ["SupervisorActor"]


class SupervisorActor(PooledActor):
    """One supervisor of the tree.

    Args:
        spec: What it supervises, and how.
        path: Its name in the system; empty = the root.
        house: The system's.
        above: Who hears how it does.
    """

    def __init__(self, spec: Supervisor, path: str, house: House, above: Parent) -> None:
        super().__init__()
        self.spec = spec
        self.path = path
        self._house = house
        self._above = above
        self._incarnation = 0
        self._specs: dict[str, ChildSpec | Supervisor] = {}
        self._handles: dict[str, ChildHandle] = {}
        self._calls: dict[int, tuple[str, ReplyFuture[None]]] = {}
        self._calls_made = 0
        self._machine: SupervisionMachine | None = None
        self._has_started = False

    @property
    def name(self) -> str:
        """Its name in the system."""
        return self.path or "root"

    @property
    def incarnation(self) -> int:
        """The last one that was begun."""
        return self._incarnation

    # --- as a child

    def begin(self, incarnation: int) -> None:
        """Begin anew, with new children."""
        self.actor_inbox.put(Envelope(partial(self._begin, incarnation)))

    def end(self, incarnation: int) -> None:
        """Stop its children in good order."""
        del incarnation
        self._put(core.ShutDown(reason="shutdown"))

    def kill(self, incarnation: int) -> None:
        """End its children now."""
        self.actor_inbox.put(Envelope(partial(self._kill, incarnation)))

    def close(self) -> None:
        """It will never begin again."""
        self._house.headcount.leave()
        self._actor_ref.stop(block=False)

    # --- as a parent

    def child_started(self, child: ChildHandle, incarnation: int) -> None:
        """A child is up."""
        self._put(core.Started(id=_id_of(child), incarnation=incarnation))

    def child_failed_to_start(self, child: ChildHandle, incarnation: int, error: BaseException) -> None:
        """A child did not come up."""
        self._put(
            core.StartFailed(
                id=_id_of(child), incarnation=incarnation, reason=_text(error), chance=self._house.chance()
            )
        )

    def child_exited(self, child: ChildHandle, incarnation: int, kind: ExitKind, error: BaseException | None) -> None:
        """A child is down."""
        reason = kind if error is None else _text(error)
        self._put(
            core.Exited(
                id=_id_of(child), incarnation=incarnation, kind=kind, reason=reason, chance=self._house.chance()
            )
        )

    def _put(self, event: core.Event) -> None:
        """Have the machine hear of it: now, in this thread, if the supervisor is idle; else when what is queued is done."""
        if not (self._house.runs_here and self.actor_inbox.run_here(self._feed_here, event)):
            self.actor_inbox.put(Envelope(partial(self._feed, event)))

    # --- in its turn

    def receive_batch(self, envelopes: list[Envelope[Any]]) -> None:
        """Do what was put, in order."""
        for envelope in envelopes:
            envelope.message()

    def on_failure(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        """A defect of ours: its supervisor takes it for a failure, and its children are ended."""
        self._machine = None
        self._end_children()
        if error is not None and not self._has_started:
            self._above.child_failed_to_start(self, self._incarnation, error)  # somebody waits for its start
        else:
            self._above.child_exited(self, self._incarnation, "error", error)

    def _begin(self, incarnation: int) -> None:
        self._incarnation = incarnation
        self._has_started = False
        self._handles = {}
        try:
            expanded = tuple(_expanded(self.spec))
            self._machine = SupervisionMachine(
                core_supervision(self.spec), tuple(core_child(name, spec) for name, spec in expanded)
            )
        except DaggerError as error:
            self._above.child_failed_to_start(self, incarnation, error)
            return
        self._specs = dict(expanded)
        for child in self.spec.specs():
            if isinstance(child, ChildSpec) and child.instances > 1:
                name = self._full(child.name)
                self._house.names.pools[name] = Pool(self._house, name, child)
        self._feed(core.Begin())

    def _feed(self, event: core.Event) -> None:
        if self._machine is None:
            return
        for command in self._machine.apply(event, self._house.now_us()):
            self._perform(command)

    def _feed_here(self, event: core.Event) -> None:
        try:
            self._feed(event)
        except BaseException as error:  # noqa: BLE001  the thread is a child's
            self._crash(error, [])

    def _perform(self, command: core.Command) -> None:
        match command:
            case core.Restarting() | core.Restarted() | core.GaveUp():  # first, with the next: a restart is these
                if self._house.telemetry is not None and isinstance(command, core.Restarting):
                    self._house.telemetry.restarted(self._full(command.id))
                if is_logged(command):
                    log_restart(command, self._full(command.id), self.name, self.spec.period_s)
            case core.StartChild():
                self._start_child(command)
            case core.StopChild():
                self._handles[command.id].end(command.incarnation)
            case core.KillChild():
                self._handles[command.id].kill(command.incarnation)
            case core.CloseChild():
                handle = self._handles.pop(command.id, None)
                if handle is not None:
                    handle.close()
                self._forget_spec(command.id)
            case core.Ready():
                self._has_started = True
                self._above.child_started(self, self._incarnation)
            case core.SetTimer():
                fired = partial(self._put, core.TimerFired(key=command.key))
                self._house.timing.set_at((id(self), command.key), command.due_us, fired)
            case core.CancelTimer():
                self._house.timing.forget((id(self), command.key))
            case core.Answer():
                self._answer(command)
            case core.Ended():
                self._ended(command)
            case _:
                assert_never(command)

    def _start_child(self, command: core.StartChild) -> None:
        try:
            handle = self._handles.get(command.id)
            if handle is None:
                handle = self._handles[command.id] = self._make(command.id)
        except ActorError as error:
            self._put(core.StartFailed(id=command.id, incarnation=command.incarnation, reason=_text(error)))
            return
        handle.begin(command.incarnation)

    def _make(self, child_id: str) -> ChildHandle:
        spec, path = self._specs[child_id], self._full(child_id)
        if isinstance(spec, Supervisor):
            self._house.headcount.enter()
            actor = SupervisorActor(spec, path, self._house, self)
            actor.begin_on(self._house.control)
            return actor
        return self._house.spawning.cell_of(spec.actor, spec.config, name=path, mailbox=spec.mailbox, parent=self)

    def begin_on(self, dispatcher: Any) -> None:
        """Take turns from now on."""
        self._dispatcher = dispatcher
        self._start_actor_loop()

    # --- how it ends

    def _ended(self, command: core.Ended) -> None:
        self._machine = None
        self._forget_pools()
        error = SupervisorFailed(self.name, command.reason) if command.kind == "error" else None
        if error is not None and not self._has_started:
            self._above.child_failed_to_start(self, self._incarnation, error)
        else:
            self._above.child_exited(self, self._incarnation, command.kind, error)

    def _kill(self, incarnation: int) -> None:
        if incarnation == self._incarnation and self._machine is not None:
            self._machine = None
            self._end_children()
            self._above.child_exited(self, incarnation, "shutdown", None)

    def _end_children(self) -> None:
        for handle in reversed(self._handles.values()):
            handle.kill(handle.incarnation)
            handle.close()
        self._handles = {}
        self._forget_pools()

    def _forget_pools(self) -> None:
        for spec in self.spec.specs():
            if isinstance(spec, ChildSpec) and spec.instances > 1:
                self._house.names.pools.pop(self._full(spec.name), None)

    # --- what is asked of it, by any thread

    def start_child(self, spec: ChildSpec | Supervisor) -> ReplyFuture[None]:
        """Add a child behind the others, and start it; the reply has the error, if it cannot be."""
        return self._call(lambda call: core.AddChild(call=call, child=core_child(spec.name, spec)), spec)

    def terminate_child(self, child_id: str) -> ReplyFuture[None]:
        """Stop a child; its specification stays, unless it is temporary."""
        return self._call(lambda call: core.TerminateChild(call=call, id=child_id))

    def restart_child(self, child_id: str) -> ReplyFuture[None]:
        """Start a child that was terminated, or has ended."""
        return self._call(lambda call: core.RestartChild(call=call, id=child_id))

    def delete_child(self, child_id: str) -> ReplyFuture[None]:
        """Forget a child that is not there."""
        return self._call(lambda call: core.DeleteChild(call=call, id=child_id))

    def look(self) -> ReplyFuture[tuple[tuple[core.ChildView, ChildHandle | None], ...]]:
        """Its children, in the order they are started; ``ActorDeadError`` when its own supervisor has given it up."""
        reply: ReplyFuture[tuple[tuple[core.ChildView, ChildHandle | None], ...]] = ReplyFuture()
        self.actor_inbox.put(Envelope(partial(self._looked, reply), reply))
        return reply

    def _looked(self, reply: ReplyFuture[Any]) -> None:
        views = () if self._machine is None else self._machine.which_children()
        reply.set(tuple((view, self._handles.get(view.id)) for view in views))

    def _call(self, event: Callable[[int], core.Call], spec: ChildSpec | Supervisor | None = None) -> ReplyFuture[None]:
        reply: ReplyFuture[None] = ReplyFuture()
        self.actor_inbox.put(Envelope(partial(self._called, event, spec, reply), reply))
        return reply

    def _called(
        self, event: Callable[[int], core.Call], spec: ChildSpec | Supervisor | None, reply: ReplyFuture[None]
    ) -> None:
        self._calls_made += 1
        try:
            made = event(self._calls_made)
            if self._machine is None:
                raise ChildRefused(self.name, "", "shutting_down", "")
        except DaggerError as error:
            reply.set_exception((type(error), error, None))
            return
        child_id = made.child.id if isinstance(made, core.AddChild) else made.id
        if spec is not None and not self._is_known(child_id):  # else it is refused, or one that was forgotten
            self._specs[child_id] = spec
        self._calls[self._calls_made] = (child_id, reply)
        self._feed(made)

    def _answer(self, command: core.Answer) -> None:
        child_id, reply = self._calls.pop(command.call)
        if command.error is None:
            reply.set(None)
        else:
            error = ChildRefused(self.name, child_id, command.error, command.detail)
            reply.set_exception((ChildRefused, error, None))
        self._forget_spec(child_id)

    def _forget_spec(self, child_id: str) -> None:
        if not self._is_known(child_id):
            self._specs.pop(child_id, None)

    def _is_known(self, child_id: str) -> bool:
        """Tell whether there is such a child, or a call is about it that has to wait for the first start."""
        return (self._machine is not None and self._machine.has_child(child_id)) or any(
            child_id == waiting for waiting, _reply in self._calls.values()
        )

    def _full(self, child_id: str) -> str:
        return f"{self.path}/{child_id}" if self.path else child_id


def _expanded(spec: Supervisor) -> Iterator[tuple[str, ChildSpec | Supervisor]]:
    """Its children by id, each instance of a pool by itself."""
    for child in spec.specs():
        if isinstance(child, ChildSpec) and child.instances > 1:
            for number in range(1, child.instances + 1):
                yield f"{child.name}-{number}", child
        else:
            yield child.name, child


def _id_of(child: ChildHandle) -> str:
    return child.name.rpartition("/")[2]


def _text(error: BaseException) -> str:
    return text_of(error)[:1_000]
