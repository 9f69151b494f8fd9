"""The test kit: your actions, flows and systems on virtual time, in orders that a seed decides, with deaths where you like.

``simulate(seed)`` gives a world in which whole systems run: their threads, event loops, timers and clocks are played by
one thread, turn by turn. Nothing sleeps, an hour passes at once, equal seeds give equal courses:

>>> import asyncio
>>> from dagger_actors import action
>>> from dagger_actors.testing import simulate
>>> @action
... async def brew() -> str:
...     await asyncio.sleep(180)
...     return "tea"
>>> with simulate(seed=7) as sim:
...     system = sim.system(actions=[brew])
...     run = system.flows.start({"name": "tea", "nodes": [{"id": "brew", "action": "brew"}]})
...     sim.advance(60)
...     print(run.report().state, sim.now_s)
...     print(run.result(), sim.now_s >= 180)
running 60.0
{'brew': 'tea'} True

- ``explore`` runs a test under many seeds, and kills its worker around every commit.
- ``Simulation.stub`` puts results, durations and failures in the place of actions, ``Simulation.stub_handler`` in that of
  what actors do with a message; ``Outcomes`` gives several, call by call.
- ``Probe`` is an actor of the test in the place of one that others talk to: it expects messages, ends and silence, and
  answers. It works with a real ``ActorSystem`` too.
- With pytest there is the fixture ``sim``; ``--dagger-seeds 100`` plays each of its tests with so many seeds,
  ``--dagger-seed`` and ``--dagger-kill`` with the one that failed.

Whatever fails says which seed it was and prints the command that repeats it. While actors talk, two checks look on:

- what is sent must arrive as it was sent, or ``ChangedOnTheWire`` says which field would not (``sim.check_wire = False``);
- sockets, processes, executors and ``time.sleep`` in an action or a handler raise ``CannotSimulate``
  (``sim.refuse_outside = False``; the event loop of coroutines refuses them in any case).

What follows the virtual clock: every time-out, retry wait and lease of the system, ``asyncio.sleep``, ``timeout``, ``Event``
and the like in your coroutines; ``asyncio.to_thread`` is a turn. Under it ``isolation: process`` runs in place.

What it cannot cover, so that tests with a real ``ActorSystem`` must:

- preemption inside a handler or an action: between two awaits, and in a plain function, nothing else runs;
- processes and signals, sockets and executors of your own: what is seen of them raises ``CannotSimulate``; threads,
  ``asyncio.run`` in a plain function, and what was imported by its name (``from time import sleep``) are not seen, and
  happen really;
- clocks and chance of your own: ``time.time``, ``datetime.now``, ``os.urandom`` and ``uuid4`` are real, and make a seed give
  other courses (``random`` follows the seed);
- the loss of power: a death is that of a process; what was written is kept.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagger_actors.testing.errors import (
        CannotSimulate,
        ChangedOnTheWire,
        NeverSettles,
        NotAsExpected,
        NotRepeatable,
        UnusedStub,
        WorkerKilled,
    )
    from dagger_actors.testing.exploration import Explored, explore
    from dagger_actors.testing.handler_stubs import HandlerCall, HandlerStub
    from dagger_actors.testing.loading import load
    from dagger_actors.testing.probe import Probe
    from dagger_actors.testing.replay import Kill
    from dagger_actors.testing.script import Outcomes
    from dagger_actors.testing.simulation import Simulation, simulate
    from dagger_actors.testing.stubs import Stub, StubCall

__all__ = [
    "CannotSimulate",
    "ChangedOnTheWire",
    "Explored",
    "HandlerCall",
    "HandlerStub",
    "Kill",
    "NeverSettles",
    "NotAsExpected",
    "NotRepeatable",
    "Outcomes",
    "Probe",
    "Simulation",
    "Stub",
    "StubCall",
    "UnusedStub",
    "WorkerKilled",
    "explore",
    "load",
    "simulate",
]

# Loaded when they are first used: the plugin of pytest lives in this package, and must cost nothing where it is not used.
_HOMES = {
    "CannotSimulate": "errors",
    "ChangedOnTheWire": "errors",
    "Explored": "exploration",
    "HandlerCall": "handler_stubs",
    "HandlerStub": "handler_stubs",
    "Kill": "replay",
    "NeverSettles": "errors",
    "NotAsExpected": "errors",
    "NotRepeatable": "errors",
    "Outcomes": "script",
    "Probe": "probe",
    "Simulation": "simulation",
    "Stub": "stubs",
    "StubCall": "stubs",
    "UnusedStub": "errors",
    "WorkerKilled": "errors",
    "explore": "exploration",
    "load": "loading",
    "simulate": "simulation",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'dagger_actors.testing' has no attribute {name!r}")
    value: object = getattr(import_module(f"dagger_actors.testing.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
