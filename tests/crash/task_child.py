"""One worker of a test of tasks: does what its one JSON argument says, tells that it is ready, and leaves when told to go."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

from dagger_actors import ActorSystem, watch
from dagger_actors.store import ownership
from dagger_actors.tasks.machine import appetite
from dagger_actors.tasks.machine.appetite import _Share
from dagger_actors.tasks.working import attempt_news
from dagger_actors.tasks.working.shift import ShiftBody


def tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class Quick(_Share):
    """An agent whose tasks are all quick, whatever else this machine does: they are done in the largest shifts."""

    def __init__(self, *terms: Any) -> None:
        super().__init__(*terms)
        self.pace = 500.0
        self.ahead = 0 if self.terms.is_at_most_once else 100

    def measure(self, took_us: int) -> None:
        """It is known."""


def in_shifts(system: ActorSystem) -> list[int]:
    """Ids of the tasks whose body is a shift."""
    hands = system._paradigms.task_hub.supervisor.hands()
    return [hand.task.task_key for hand in hands if isinstance(hand.actor, ShiftBody)]


def main(order: dict[str, Any]) -> None:
    agents = import_module(order.get("agents", "tests.crash.tasks")).AGENTS
    lease_s = order.get("lease_s")
    if order.get("is_quick"):
        appetite._Share = Quick
        attempt_news.SLOW_US = 10**12  # nothing is taken out of a shift
    if lease_s is not None:
        ownership.LEASE_US, watch.BEAT_US = round(lease_s * 1e6), round(lease_s * 1e6 / 3)
    with ActorSystem(order["db"], agents=agents, schema=order["schema"], processes=2) as system:
        tell(ready=os.getpid())
        for line in sys.stdin:
            more = json.loads(line)
            if "leave" in more:
                break
            if "look" in more:
                tell(in_shifts=in_shifts(system))
                continue
            submitted = [
                task.id
                for agent, payloads in more["submit"].items()
                for task in system.tasks.submit_many(agent, payloads)
            ]
            tell(submitted=submitted)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
