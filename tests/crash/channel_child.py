"""One process of a test of channels: does what its one JSON argument says, tells that it is ready, and leaves when told to go."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from typing import Any

from dagger_actors import ActorSystem, watch
from dagger_actors.pubsub.members.holdings import Holdings
from dagger_actors.store import ownership, writer
from dagger_actors.store.statements import sql
from tests.crash.subscribers import SETS, Transfer

ACCOUNTS = 20
FENCE = "WHERE lease.owner = value ->> 3 AND lease.member = value ->> 4 AND lease.epoch = value ->> 5"
"""What keeps a member from writing what is another's by now, in ``cursors.put``."""


def tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def transfer(number: int) -> Transfer:
    """Whoever publishes it, it is the same one."""
    chance = random.Random(number)
    source, target = chance.sample(range(ACCOUNTS), 2)
    return Transfer(number, f"a{source}", f"a{target}", chance.randint(1, 100))


def stop_in_commit(system: ActorSystem) -> None:
    """Stand still inside the next transaction, as a SIGSTOP would have it."""

    def on_commit(when: str) -> None:
        if when == "before":
            system.journal.writer.on_commit = lambda _when: None
            # To this very thread: one to the process may reach another first, and this one commits meanwhile.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    system.journal.writer.on_commit = on_commit


def main(order: dict[str, Any]) -> None:
    if order.get("is_unfenced"):
        writer.sql = lambda name: sql(name).replace(FENCE, "WHERE true")
        Holdings.lost = lambda _self, _held: ()  # else a member that hears soon enough gives its turn up by itself
    lease_s = order.get("lease_s")
    if lease_s is not None:
        ownership.LEASE_US, watch.BEAT_US = round(lease_s * 1e6), round(lease_s * 1e6 / 3)
    agents, channels = SETS[order["agents"]]
    with ActorSystem(order["db"], agents=agents, channels=channels, schema=order["schema"]) as system:
        tell(ready=os.getpid())
        for line in sys.stdin:
            more = json.loads(line)
            if "leave" in more:
                break
            if "stop_in_commit" in more:
                stop_in_commit(system)
                tell(armed=True)
                continue
            if "orders" in more:
                system.channels.publish_many("numbers", [Transfer(*order) for order in more["orders"]])
                tell(published=True)
                continue
            for number in range(*more["numbers"]):
                message = transfer(number) if more["publish"] == "transfers" else number
                system.channels.publish(more["publish"], message, id=f"number {number}", wait=number % 16 == 0)
            system.channels.publish(more["publish"], message, id=f"number {number}")
            tell(published=more["numbers"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
