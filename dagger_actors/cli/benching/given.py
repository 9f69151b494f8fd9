"""What the command line says is to be sent and published, looked up in the system file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dagger_actors.cli.benching.items import load_items
from dagger_actors.cli.benching.publisher import Publish
from dagger_actors.cli.benching.sender import Send
from dagger_actors.cli.exits import UsageError
from dagger_actors.core.wording import listed, nearest, quoted
from dagger_actors.pubsub.declared.splitting import add_file
from dagger_actors.pubsub.declared.wired import Wiring
from dagger_actors.pubsub.declared.wiring import wire
from dagger_actors.pubsub.subscribers.registry import Members
from dagger_actors.supervised.files.from_file import LoadedSystem
from dagger_actors.supervised.spec import ChildSpec, Supervisor

__all__ = ["actors_of", "agents_of", "check_load", "read_publish", "read_send", "wiring_of"]

SENDERS = 100
"""Times --send and --publish, at most: each is a thread."""


def agents_of(supervisor: Supervisor, above: str = "") -> Iterator[tuple[str, ChildSpec]]:
    """The agents of a tree by their paths, in the order of the start."""
    for one in supervisor.specs():
        path = f"{above}{one.id}"
        if isinstance(one, Supervisor):
            yield from agents_of(one, f"{path}/")
        else:
            yield path, one


def actors_of(path: str, child: ChildSpec) -> Iterator[str]:
    """The actors of an agent, as the system names them."""
    yield path
    yield from (f"{path}-{number}" for number in range(1, child.instances + 1))


def check_load(sends: int, publishes: int, *, is_ask: bool) -> None:
    """Refuse a load that is none, is too much, or asks nobody."""
    if not sends and not publishes:
        advice = "say what, and to whom: --send AGENT=file.py:items, or --publish CHANNEL=file.py:items"
        raise UsageError("nothing is to be sent", advice)
    if sends + publishes > SENDERS:
        names = " and ".join(name for name, count in (("--send", sends), ("--publish", publishes)) if count)
        raise UsageError(f"{sends + publishes:,} times {names} are too many", f"give {SENDERS} at most")
    if is_ask and not sends:
        raise UsageError("--ask is for --send: nobody answers what is published", "leave it out")


def wiring_of(loaded: LoadedSystem) -> Wiring:
    """How the subscribers of a system file are wired."""
    members = Members()
    channels = add_file(loaded, members)
    return wire(members, channels, loops_acknowledged=True)


def read_send(text: str, spec: str, agents: Mapping[str, ChildSpec]) -> Send:
    """Look up who is sent to, and what.

    Raises:
        UsageError: One of the two is not there.
    """
    name, _, reference = text.partition("=")
    if not (name and reference):
        raise UsageError(f"--send {quoted(text)} is not AGENT=file.py:items", "name an agent and its generator")
    by_id = {path.rpartition("/")[2]: path for path in agents}
    path = name if name in agents else by_id.get(name)
    if path is None:
        near = nearest(name, by_id)
        advice = f"did you mean {quoted(near)}?" if near is not None else f"it has: {listed(tuple(by_id))}"
        raise UsageError(f"{spec} has no agent {quoted(name)}", advice)
    return Send(agent=path, items=load_items(reference, Path(spec).parent))


def read_publish(text: str, spec: str, wiring: Wiring) -> Publish:
    """Look up which channel is published to, and what.

    Raises:
        UsageError: One of the two is not there, or nobody reads the channel.
    """
    name, _, reference = text.partition("=")
    if not (name and reference):
        raise UsageError(f"--publish {quoted(text)} is not CHANNEL=file.py:items", "name a channel and its generator")
    if "*" in name:
        raise UsageError(f"{quoted(name)} stands for many channels, and one is wanted", "write its name")
    channel = wiring.channel(name)
    if channel is None:
        near = nearest(name, wiring.channels)
        known = [*wiring.channels, *(one.name for one in wiring.patterns)]
        has = f"it has: {listed(tuple(known))}" if known else "it has none: write a Subscriber"
        raise UsageError(f"{spec} has no channel {quoted(name)}", f"did you mean {quoted(near)}?" if near else has)
    if not channel.readers:
        raise UsageError(
            f"no subscription of {spec} reads the channel {quoted(name)}, so nothing would be measured",
            "publish to one that is read",
        )
    items = load_items(reference, Path(spec).parent)
    return Publish(channel=name, items=items, waits=channel.overflow != "reject")
