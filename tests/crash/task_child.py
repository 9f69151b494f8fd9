"""One worker of a test of tasks: does what its one JSON argument says, tells that it is ready, and leaves when told to go."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from dagger_actors import ActorSystem, watch
from dagger_actors.store import ownership
from tests.crash.tasks import AGENTS


def tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main(order: dict[str, Any]) -> None:
    lease_s = order.get("lease_s")
    if lease_s is not None:
        ownership.LEASE_US, watch.BEAT_US = round(lease_s * 1e6), round(lease_s * 1e6 / 3)
    with ActorSystem(order["db"], agents=AGENTS, schema=order["schema"], processes=2) as system:
        tell(ready=os.getpid())
        for line in sys.stdin:
            more = json.loads(line)
            if "leave" in more:
                break
            submitted = [
                task.id
                for agent, payloads in more["submit"].items()
                for task in system.tasks.submit_many(agent, payloads)
            ]
            tell(submitted=submitted)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
