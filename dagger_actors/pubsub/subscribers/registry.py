"""The subscribers that a system has, by name: each is a member of the groups of its handlers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from dagger_actors.core.wording import nearest
from dagger_actors.errors import ActorClassError, UnknownAgent
from dagger_actors.pubsub.subscribers.handler_kind import HandlerKind
from dagger_actors.pubsub.subscribers.kind import Configured, SubscriberKind, configured, kind_of
from dagger_actors.pubsub.subscribers.places import InCode, Placed

__all__ = ["Member", "Members", "Subscription"]


class Subscription(msgspec.Struct, frozen=True, eq=False):
    """One handler in one group.

    Attributes:
        name: ``group.handler``.
        group: The group's name.
        handler: The handler.
        kind: What is known of its class.
        where: Words what is wrong with it.
    """

    name: str
    group: str
    handler: HandlerKind
    kind: SubscriberKind
    where: Placed


class Member:
    """One agent: a member of each group that one of its handlers is in.

    Attributes:
        name: Its name.
        kind: What is known of its class.
        config: Its config; None = it takes none.
        handlers: Its handlers by their names, with all options.
        groups: The group of each handler, by the handler's name.
        subscriptions: Its subscriptions, by their names.
    """

    def __init__(self, made: Configured) -> None:
        self.name = made.name
        self.kind = made.kind
        self.config = made.config
        self.handlers = made.handlers
        self.groups = {name: one.options.group or made.group for name, one in made.handlers.items()}
        found = [
            Subscription(
                f"{self.groups[name]}.{name}",
                self.groups[name],
                one,
                made.kind,
                made.where.get(name) or InCode(one.place, f"{made.kind.label}.{name}"),
            )
            for name, one in made.handlers.items()
        ]
        self.subscriptions = {one.name: one for one in found}

    def __repr__(self) -> str:
        return f"<Member {self.name} {self.kind.place}>"

    def make(self, state: Any = None) -> Any:
        """Make a subscriber, with its config and this state; None = a new one, where it has any."""
        source = self.kind.source
        made: Any = source.__new__(source)
        made.config = self.config
        if self.kind.state is not None:
            made.state = self.kind.state() if state is None else state
        made.__init__()
        return made


class Members:
    """The subscribers of a system, by name."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._subscriptions: dict[str, Subscription] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def names(self) -> tuple[str, ...]:
        """Their names, in the order given."""
        return tuple(self._members)

    def get(self, name: str) -> Member:
        """Give the member of a name.

        Raises:
            UnknownAgent: There is none; names the nearest.
        """
        found = self._members.get(name)
        if found is None:
            raise UnknownAgent(name, nearest(name, self._members) or "")
        return found

    def subscriptions(self) -> dict[str, Subscription]:
        """All subscriptions by name; of several members that share one, the first one's."""
        return dict(self._subscriptions)

    def agents(self) -> dict[str, tuple[str, ...]]:
        """The names of the members that take the turns of each subscription."""
        found: dict[str, tuple[str, ...]] = {}
        for member in self:
            for name in member.subscriptions:
                found[name] = (*found.get(name, ()), member.name)
        return found

    def groups(self) -> dict[str, tuple[Member, ...]]:
        """The members of each group."""
        found: dict[str, list[Member]] = {}
        for member in self:
            for group in dict.fromkeys(member.groups.values()):
                found.setdefault(group, []).append(member)
        return {group: tuple(members) for group, members in found.items()}

    def add(self, agent: object) -> Member:
        """Add a subscriber.

        Args:
            agent: A ``Subscriber`` class, or what its ``configured`` gave.

        Raises:
            ActorClassError: It is none, or cannot be; another has its name; or it is in a group with one of another class,
                or of other options than how much it takes at once.
            ConfigRefused: It needs a config.
        """
        member = Member(_configured(agent))
        if member.name in self._members:
            places = f"{self._members[member.name].kind.place} and {member.kind.place}"
            what = f"two subscribers have this name, {places}; give one another: configured(name=...)"
            raise ActorClassError(member.name, what)
        for name, one in member.subscriptions.items():
            if name in self._subscriptions:
                _check_shared(member.name, self._subscriptions[name], one)
        self._refuse_strangers(member)
        self._members[member.name] = member
        for name, one in member.subscriptions.items():
            self._subscriptions.setdefault(name, one)
        return member

    def _refuse_strangers(self, member: Member) -> None:
        """State and keys of a group are of one class."""
        for one in member.subscriptions.values():
            for other in self._subscriptions.values():
                if other.group == one.group and other.kind is not one.kind:
                    what = (
                        f"it is in the group {one.group} of {other.kind.label} ({other.kind.place}), and is of class "
                        f"{one.kind.label}; a group has one class, give it another: configured(group=...)"
                    )
                    raise ActorClassError(member.name, what)


def _check_shared(name: str, first: Subscription, second: Subscription) -> None:
    own, others = second.handler.options, first.handler.options
    for field in own.__struct_fields__:
        if field not in ("concurrency", "max_in_flight") and getattr(own, field) != getattr(others, field):
            what = f"members of a group share {first.name}, so its {field} is the same for all; give another group"
            raise ActorClassError(name, what)


def _configured(agent: object) -> Configured:
    if isinstance(agent, Configured):
        return agent
    kind = kind_of(agent)
    if kind is None:
        raise ActorClassError(repr(agent)[:100], "a Subscriber class is wanted, or what its configured(...) gave")
    return configured(kind, None, None, None, {})
