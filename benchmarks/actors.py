"""What actors cost, each figure beside pykka's ``ThreadingActor`` on the same work in the same run.

    python benchmarks/actors.py                       # everything but the million, five times
    python benchmarks/actors.py --only tell --repeat 20
    python benchmarks/actors.py --only million --large
    python benchmarks/actors.py --check               # exit status 1 when a target is missed

Ours are used as users do: ``Actor`` subclasses in an ``ActorSystem``, found and sent to by their references, with the
default mailbox (1,000 messages, a caller waits for room), and with the wire: each message is a Struct that is encoded and
strictly decoded. Pykka's have an unbounded mailbox and get the object itself. The two take turns, in one process.

A thread each is what pykka's actors are, so 100,000 of them cannot be there at once: ``--only spawn`` and ``bytes`` start
1,000 of pykka's and compare what one costs. ``bytes_new`` are actors that were only started (the instance is made with the
first message), ``bytes_used`` have handled one. ``awaiting`` stands beside bare asyncio tasks, for pykka has none.
``bare_wire`` and ``bare_hand_offs`` are the machine's limits: encode, queue and decode in one thread, and a token between
two. ``restart_cpu`` is processor time, of which a failure has its share; what pykka does there is to start a successor.

One JSON object a line: first the machine and the versions, then the figures. ``value``, ``limit`` (pykka's) and ``ratio``
(value / limit, side by side) are medians over ``repeats``; ``cpu_s`` is this process's processor time meanwhile and
``limit_cpu_s`` that of pykka's on as much work. On a machine with other work these and the ratio say more than the value:
pykka's many threads then get a larger share of the processor than our few.

Measured elsewhere, on 2 cores of the same class, for orientation:

==========================  ============  ================  ================
system                      asks/s        ring hops/s       fan-out/s
==========================  ============  ================  ================
Thespian, synchronous base  56,000        179,000
AutoGen core                5,400         3,200             13,000
==========================  ============  ================  ================
"""

from __future__ import annotations

import sys

import population
import talking
from command import run
from figures import Figure, Target


def _times(bound: float) -> Target:
    return Target(of="ratio", bound=bound, is_floor=True)


FIGURES = (
    Figure(
        name="bare",
        unit="messages/s",
        units={"bare_hand_offs": "hand-offs/s"},
        measure=talking.bare,
        targets={"bare_wire": None, "bare_hand_offs": None},
    ),
    Figure(name="tell", unit="messages/s", measure=talking.tell, targets={"tell": _times(3)}),
    Figure(name="fan_in", unit="messages/s", measure=talking.fan_in, targets={"fan_in": _times(3)}),
    Figure(name="fan_out", unit="deliveries/s", measure=talking.fan_out, targets={"fan_out": _times(3)}),
    Figure(
        name="fan_out_at_once",
        unit="deliveries/s",
        measure=talking.fan_out_at_once,
        targets={"fan_out_at_once": _times(3)},
    ),
    Figure(name="ring", unit="hops/s", measure=talking.ring, targets={"ring": None}),
    Figure(name="ask", unit="asks/s", measure=talking.ask, targets={"ask": _times(5)}),
    Figure(name="ask_by_hand_off", unit="asks/s", measure=talking.ask_by_hand_off, targets={"ask_by_hand_off": None}),
    Figure(name="pipelined", unit="asks/s", measure=talking.pipelined, targets={"ask_pipelined": _times(2.5)}),
    Figure(
        name="spawn",
        unit="actors/s",
        measure=population.spawn,
        targets={"spawn": _times(20), "spawn_and_stop": _times(20), "spawn_tell_stop": None},
    ),
    Figure(
        name="bytes",
        unit="bytes",
        measure=population.bytes_idle,
        targets={"bytes_new": Target(of="ratio", bound=1 / 8), "bytes_used": Target(of="ratio", bound=1 / 8)},
    ),
    Figure(
        name="restart",
        unit="us",
        measure=population.restart,
        targets={"restart_cpu": Target(bound=50), "restart_wall": None},
    ),
    Figure(
        name="awaiting",
        unit="s",
        units={"awaiting_at_once": "coroutines"},
        measure=population.awaiting,
        targets={"awaiting_at_once": Target(bound=10_000, is_floor=True), "awaiting": None},
    ),
    Figure(
        name="million",
        unit="ms",
        units={"million_memory": "MiB", "million_spawned": "s"},
        measure=population.million,
        targets={
            "million_memory": Target(bound=3 * 1024),
            "million_collection": Target(bound=100),
            "million_pause": Target(bound=100),
            "million_spawned": None,
        },
        is_large=True,
    ),
)

QUICK = talking.Sizes(messages=1_000, asks=100, spawned=500, threads=20, million=2_000, failures=50, awaiting=100)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status."""
    return run(FIGURES, talking.Sizes(), QUICK, "What actors cost, beside pykka's", arguments)


if __name__ == "__main__":
    sys.exit(main())
