"""What people and programs have a run do: go on, try again, take an answer, pause, be cancelled; wherever it runs.

Each is durable when it returns; one that is refused leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Never

from dagger_actors.bodies.loop_guard import refuse_on_loop
from dagger_actors.bodies.off_loop import off_loop
from dagger_actors.core.states import FINAL_RUN
from dagger_actors.errors import IllegalTransition
from dagger_actors.errors.commands import command_line
from dagger_actors.flow.reports.report import Report
from dagger_actors.flow.running.hub import FlowHub
from dagger_actors.flow.stored.rows import RunRow
from dagger_actors.flow.verbs.base import FlowsBase
from dagger_actors.flow.verbs.catalog import Catalog
from dagger_actors.flow.verbs.control import Controller
from dagger_actors.flow.verbs.redo import node_ids, redone_nodes
from dagger_actors.flow.verbs.run import Run
from dagger_actors.flow.verbs.signalling import Signaller

__all__ = ["Steering"]


class Steering(FlowsBase):
    """The verbs that change what a run does."""

    def __init__(self, hub: FlowHub, catalog: Catalog) -> None:
        super().__init__(hub, catalog)
        self._controller = Controller(hub, self._caller)
        self._signaller = Signaller(hub, self._caller, self._taker.take)

    # --- taking up again

    def resume(self, run_id: str) -> Run:
        """Go on with a paused run, or with one whose process is gone; calls off a pause that what runs still holds up.

        A node that paused it gets a fresh set of tries; where that is a mapped one, this waits until the run has paused.
        A run inside another whose turn others have, of a map with a limit, is queued behind them when this returns.
        What has ended is not done again. What is still being cancelled inside it is waited for. Of several at once each has
        the run go on by one of them.

        Raises:
            RunNotFound: There is no such run.
            RunOwned: A live process runs it already.
            IllegalTransition: It has failed, timed out or been cancelled: that is for ``retry``.
            RequestError: It is still to pause for a mapped node that has failed, or what is still being cancelled inside would
                have to be waited for, and this is a plain action or handler.
            DefinitionError: Its actions cannot be loaded, or no longer fit.
        """
        refuse_on_loop("flows.resume()", "await flows.aresume(...)")
        self._refuse_closed()
        if (row := self._caller.row(run_id)).parent_run is not None:
            self._resume_inside(row)
            return self._run(run_id)
        take = self._taker.take_or_join if self._taker.is_at_rest(row) else self._taker.take
        if self._controller.call_off(run_id):
            return self._run(run_id)
        row = self._caller.row(run_id)
        if row.status == "succeeded":
            return self._run(run_id)
        if row.status in FINAL_RUN:
            raise IllegalTransition(
                run_id, row.status, "resumed", f"try it again with: {command_line('retry', run_id)}"
            )
        take(row, "resume" if row.status == "paused" or row.pausing else "recover")
        return self._run(run_id)

    def retry(self, run_id: str, *, start_from: Sequence[str] = ()) -> Run:
        """Try again what failed or never ran, with fresh tries; what succeeded is kept. Releases parked work too.

        What is still being cancelled inside it, with the hooks of that, is waited for. Of several at once each has the run go
        on by one of them; one with ``start_from`` is told that another was faster.

        Args:
            run_id: The run.
            start_from: Ids of nodes to run again though they succeeded, each with everything downstream of it.

        Raises:
            RunNotFound: There is no such run.
            UnknownNode: It has no node of such an id; names the nearest.
            RequestError: Such a node has added nodes, or runs a flow; or this is a plain action or handler, and what is still
                being cancelled inside would have to be waited for.
            RunOwned: A live process runs it.
            IllegalTransition: It is not over: that is for ``resume``.
            DefinitionError: Its actions cannot be loaded, or no longer fit.
        """
        refuse_on_loop("flows.retry()", "await flows.aretry(...)")
        self._refuse_closed()
        nodes = node_ids(start_from)
        row = self._caller.row(run_id)
        if row.parent_run is not None:
            root = self._caller.row(self._hub.archive.id_of(row.root_run))
            verb = "resume" if root.status in ("pending", "running") else "retry"
            self._refuse_inside(row, "retried", verb, root.run_id)
        redone = redone_nodes(run_id, self._hub.archive.definition_of(row), nodes) if nodes else frozenset[int]()
        if row.status == "succeeded" and not redone:
            return self._run(run_id)
        if row.status in ("pending", "running"):
            self._taker.refuse_owned(row)
            advice = f"go on with it: {command_line('resume', run_id)}"
            raise IllegalTransition(run_id, row.status, "retried", advice)
        if redone or row.status not in FINAL_RUN:
            # Whoever is faster may have been asked for less than this.
            self._taker.take(row, "retry", redone=redone)
        else:
            self._taker.take_or_join(row, "retry")
        return self._run(run_id)

    def _resume_inside(self, row: RunRow) -> None:
        """Go on with the run of a flow inside another, where nothing but itself holds it up; whoever has that goes on with it."""
        run_id = row.run_id
        if row.status == "succeeded":
            return
        if (held := self._controller.held_by(row)) is not None:
            is_over = self._caller.row(held).status in FINAL_RUN  # a death has left this one: it is awaited no more
            self._refuse_inside(row, "resumed", "retry" if is_over else "resume", held)
        if self._controller.call_off(run_id):
            return
        if self._caller.row(run_id).status in FINAL_RUN:
            self._refuse_inside(row, "resumed", "retry", self._hub.archive.id_of(row.root_run))
        self._controller.revive(row)

    def _refuse_inside(self, row: RunRow, done: str, verb: str, other: str) -> Never:
        """The run of a flow inside another goes on with that, which awaits it."""
        advice = f"it is a node of another run, which goes on with it: {command_line(verb, other)}"
        raise IllegalTransition(row.run_id, row.status, f"{done} by itself", advice)

    # --- people

    def signal(self, run_id: str, node_id: str, value: Any) -> Run:
        """Answer what an approval node asks; durable when this returns, with who gave it and when.

        The run goes on with it where it is open, here or elsewhere; one that nobody runs is opened here if its code is
        loaded here, else by whoever has it (``up``, ``resume``). The same answer twice is the same answer.

        Args:
            run_id: The run.
            node_id: The approval node; ``sub/ok`` is node ``ok`` of the flow at node ``sub``.
            value: The answer, of the node's ``type``; where that is ``bool``, True approves and False rejects.

        Raises:
            RunNotFound: There is no such run.
            UnknownNode: It has no such node; names the nearest.
            NotAsked: Nobody is asked there: it is no approval, or has not come so far, or has ended.
            AnswerMisfit: The answer is of another type.
            AlreadyAnswered: Somebody has answered otherwise before; says who.
        """
        refuse_on_loop("flows.signal()", "await flows.asignal(...)")
        self._refuse_closed()
        self._signaller.answer(run_id, node_id, value)
        return self._run(run_id)

    def reject(self, run_id: str, node_id: str, reason: str = "") -> Run:
        """Reject what an approval node of any type asks: it fails with ``Rejected``; else as ``signal``.

        Args:
            run_id: The run.
            node_id: As for ``signal``.
            reason: Why; at most 2,000 characters.

        Raises:
            RunNotFound, UnknownNode, NotAsked, AlreadyAnswered: As for ``signal``.
        """
        refuse_on_loop("flows.reject()", "await flows.areject(...)")
        self._refuse_closed()
        self._signaller.reject(run_id, node_id, reason)
        return self._run(run_id)

    # --- pausing and cancelling

    def pause(self, run_id: str) -> Report:
        """Let a run begin nothing more, wherever it runs; recorded when this returns, and twice is once.

        What runs goes on to its end; then the run is ``paused``, its clock stopped, until ``resume``. One that nobody
        runs is paused at once, without its code. A run inside another that waits for its turn to be tried again rests as it was
        until the next ``retry``.

        Raises:
            RunNotFound: There is no such run.
            IllegalTransition: It is over, or its end is decided.
        """
        refuse_on_loop("flows.pause()", "await flows.apause(...)")
        self._controller.pause(run_id)
        return self.report(run_id)

    def cancel(self, run_id: str, *, node: str | None = None) -> Report:
        """Cancel a run, or one node of it, wherever it runs; recorded when this returns.

        The end of a run may call hooks: they are called before this returns, where somebody has the code of the run; else its
        end is only decided, the report says ``running``, and whoever has the code calls them. In a plain action, or handler,
        it is only decided too, for they may need its thread. A second cancel leaves them out, those of runs inside
        too, and reaches what a process which died while it cancelled has left. So does the cancel of a run that is about to
        end otherwise, while its hooks are called; it keeps that end, which the report tells.

        Args:
            run_id: The run.
            node: Id of a node that is cancelled instead, with all its items; what needs its success is skipped, and the
                rest of the run goes on.

        Raises:
            RunNotFound: There is no such run.
            IllegalTransition: It has ended otherwise.
            UnknownNode: It has no such node; names the nearest.
            NodeTransition: The node has ended otherwise, or its run has.
        """
        refuse_on_loop("flows.cancel()", "await flows.acancel(...)")
        if node is None:
            self._controller.cancel(run_id)
        else:
            self._controller.cancel_node(run_id, node)
        return self.report(run_id)

    # --- on an event loop

    async def aresume(self, run_id: str) -> Run:
        """``resume``, without blocking the loop."""
        return await off_loop(self.resume, run_id)

    async def aretry(self, run_id: str, *, start_from: Sequence[str] = ()) -> Run:
        """``retry``, without blocking the loop."""
        return await off_loop(self.retry, run_id, start_from=start_from)

    async def asignal(self, run_id: str, node_id: str, value: Any) -> Run:
        """``signal``, without blocking the loop."""
        return await off_loop(self.signal, run_id, node_id, value)

    async def areject(self, run_id: str, node_id: str, reason: str = "") -> Run:
        """``reject``, without blocking the loop."""
        return await off_loop(self.reject, run_id, node_id, reason)

    async def apause(self, run_id: str) -> Report:
        """``pause``, without blocking the loop."""
        return await off_loop(self.pause, run_id)

    async def acancel(self, run_id: str, *, node: str | None = None) -> Report:
        """``cancel``, without blocking the loop."""
        return await off_loop(self.cancel, run_id, node=node)
