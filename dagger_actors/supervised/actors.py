"""``system.actors``: the actors of one system, as its users see them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from dagger_actors.actors.reply import ReplyFuture
from dagger_actors.errors import SystemClosed, SystemFailed, UnknownActor
from dagger_actors.supervised.spec import spec_of
from dagger_actors.supervised.supervisor import SupervisorActor
from dagger_actors.supervised.tree import Branch, branch_of, leaf_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagger_actors.supervised.actor import Actor
    from dagger_actors.supervised.bounds import MailboxSpec
    from dagger_actors.supervised.family import ChildHandle, ExitKind
    from dagger_actors.supervised.house import House
    from dagger_actors.supervised.pool import Pool
    from dagger_actors.supervised.ref import Ref
    from dagger_actors.supervised.spec import ChildSpec, Supervisor
    from dagger_actors.supervised.undelivered import Reason, Undelivered

__all__ = ["Actors", "Root"]

START_S = 60.0
"""How long the first start of all actors may take."""


class Root:
    """Above the root supervisor: hears that all have started, and how it ended.

    Attributes:
        started: Resolved when all of them have, or with why one could not.
        ended: Resolved when all of them are gone.
    """

    def __init__(self, failed: Callable[[SystemFailed], None]) -> None:
        self.started: ReplyFuture[None] = ReplyFuture()
        self.ended: ReplyFuture[None] = ReplyFuture()
        self.failure: SystemFailed | None = None
        self._failed = failed

    def child_started(self, child: ChildHandle, incarnation: int) -> None:
        """All are up."""
        del child, incarnation
        self.started.set(None)

    def child_failed_to_start(self, child: ChildHandle, incarnation: int, error: BaseException) -> None:
        """One could not be started, and those before it have been stopped."""
        del child, incarnation
        self.started.set_exception((type(error), error, None))
        self.ended.set(None)

    def child_exited(self, child: ChildHandle, incarnation: int, kind: ExitKind, error: BaseException | None) -> None:
        """All are gone."""
        del child, incarnation
        if kind == "error":
            self.failure = SystemFailed(str(error))
        self.ended.set(None)
        if self.failure is not None:
            self._failed(self.failure)


class Actors:
    """The actors of one system.

    Args:
        house: What they share.
        root: The root supervisor, with those that start with the system.
        failed: Called when the root supervisor gives up.
    """

    def __init__(
        self,
        house: House,
        root: Supervisor,
        *,
        failed: Callable[[SystemFailed], None],
    ) -> None:
        self._house = house
        self._beginning = threading.Lock()
        self._is_closed = False
        self._has_begun = False  # the root does with its first child: a system of flows alone has no turn for it
        self._root = Root(failed)
        self._supervisor = SupervisorActor(root, "", house, self._root)
        self._supervisor.begin_on(house.control)

    def begin(self) -> None:
        """Start those that start with the system, and wait until they have.

        Raises:
            ActorError: One could not; those before it have been stopped.
            TimeoutError: They did not come up in time.
        """
        if self._supervisor.spec.children:
            self._begin()

    def _begin(self) -> None:
        with self._beginning:  # two may bring the first child at once, while a third leaves
            if self._is_closed:
                raise SystemClosed
            if not self._has_begun:
                self._has_begun = True
                self._supervisor.begin(1)
        self._house.wait(self._root.started, START_S)

    # --- starting

    def spawn(
        self,
        cls: type[Actor],
        config: object = None,
        *,
        name: str | None = None,
        mailbox: MailboxSpec | None = None,
    ) -> Ref:
        """Start a temporary actor: when it ends, for whatever reason, it is gone.

        Args:
            cls: Its class.
            config: For its ``config``: the Struct or a mapping.
            name: Its name in the system; None = made from its class.
            mailbox: Its bound, instead of the class's.

        Returns:
            Its reference. The system keeps it until it stops or the system is left.

        Raises:
            ConfigRefused: The config does not fit the class.
            NameTaken: There is an actor of that name.
            TooManyActors: The system has as many as it may have.
            SystemClosed: The system has been left, or has failed.
        """
        self._check()
        return self._house.spawning.spawn(cls, config, name=name, mailbox=mailbox)

    def start(self, child: ChildSpec | Supervisor | type[Actor]) -> None:
        """Add an actor or a supervisor to those that the root supervises, and start it.

        Args:
            child: What to start; a class alone stands for ``ChildSpec(cls)``.

        Raises:
            ActorClassError: It is nothing that can be a child.
            ChildRefused: It could not be started, or there is one of that id.
            SystemClosed: The system has been left, or has failed.
        """
        self._check()
        spec = spec_of(child)
        if not self._has_begun:
            self._begin()
        self._house.wait(self._supervisor.start_child(spec), START_S)

    def stop(self, name: str) -> None:
        """Stop a child of the root and forget it, in the order it asks for.

        Args:
            name: Its id.

        Raises:
            ChildRefused: There is none of that id.
        """
        self._house.wait(self._supervisor.terminate_child(name), None)
        self._house.wait(self._supervisor.delete_child(name), None)

    def forget_state(self, name: str) -> bool:
        """Delete the stored state of a durable actor that does not run; one that starts under the name begins anew.

        Args:
            name: The actor's, as it was in the tree.

        Returns:
            Whether there was one.

        Raises:
            StateOwned: The actor runs, here or in another process.
            StoreError: The file cannot be written.
            SystemClosed: The system has been left, or has failed.
        """
        self._check()
        told: ReplyFuture[bool] = ReplyFuture()
        states = self._house.states
        assert states is not None, "a system has them"
        states.forget(name, partial(_tell, told))
        forgotten: bool = self._house.wait(told, START_S)
        return forgotten

    # --- seeing

    def __getitem__(self, name: str) -> Ref | Pool:
        """Look an actor or a pool up by its name: the ids from the root on, as in ``back_office/clerk``.

        Raises:
            UnknownActor: There is none; suggests the nearest name.
            SystemClosed: There is none any more: the system has been left.
            SystemFailed: There is none any more: the root supervisor has given up; says why.
        """
        try:
            return self._house.find(name)
        except UnknownActor:
            self._check()
            raise

    def tree(self) -> Branch:
        """What the root supervises, as it is now, without the temporary ones."""
        return branch_of(self._supervisor, self._house.wait)

    def temporary(self) -> tuple[Branch, ...]:
        """The temporary actors, as they are now."""
        return tuple(leaf_of(cell) for cell in tuple(self._house.nursery.cells.values()))

    def is_at_rest(self) -> bool:
        """Tell whether nothing is queued or handled, and no timer is set: nothing more happens by itself."""
        leaves = [*self.temporary(), *_leaves(self.tree())]
        return all(one.state in ("idle", "held", "absent") and not one.queued and not one.timers for one in leaves)

    def undelivered(self, limit: int = 1_000) -> tuple[Undelivered, ...]:
        """The last messages that were never handled, the newest last.

        Args:
            limit: How many at most, 1 to 1,000.
        """
        return self._house.mail.last(limit)

    @property
    def undelivered_counts(self) -> Mapping[Reason, int]:
        """How many messages were never handled, by reason."""
        return dict(self._house.mail.counts)

    @property
    def failure(self) -> SystemFailed | None:
        """Why the root supervisor gave up; None = it has not."""
        return self._root.failure

    # --- leaving

    def close(self, grace_s: float) -> None:
        """Stop them all in good order; for the system that is being left.

        Args:
            grace_s: Seconds for what runs, beyond what each supervised one asks for; then it is abandoned.
        """
        with self._beginning:
            self._is_closed = True
        self._house.close(grace_s)
        if not self._has_begun:
            return
        self._supervisor.end(1)
        try:
            self._house.wait(self._root.ended, grace_s)
        except TimeoutError:
            self._supervisor.kill(1)

    def _check(self) -> None:
        if self._root.failure is not None:
            raise self._root.failure
        if self._is_closed:
            raise SystemClosed


def _tell(reply: ReplyFuture[bool], outcome: bool | Exception) -> None:
    if isinstance(outcome, Exception):
        reply.set_exception((type(outcome), outcome, None))
    else:
        reply.set(outcome)


def _leaves(branch: Branch) -> Iterator[Branch]:
    for one in branch.children:
        yield from _leaves(one) if one.kind == "supervisor" else (one,)
