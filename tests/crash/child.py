"""One process of a crash test: does what its one JSON argument says, and tells how it went in JSON lines on stdout."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import msgspec

from dagger_actors import Actor, ActorSystem, ChildSpec, DaggerError, handler
from dagger_actors.core.protocols import Unit, Write
from dagger_actors.flow.machine.decisions import NodeRow
from tests.crash.flows import chain


def tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_commit(system: ActorSystem, number: int, moment: str) -> None:
    """Kill this process at its n-th commit from now on, right before or right after it."""
    left = number

    def on_commit(when: str) -> None:
        nonlocal left
        if when == moment:
            left -= 1
            if left <= 0:
                die()

    system.journal.writer.on_commit = on_commit


def run(order: dict[str, Any], system: ActorSystem) -> None:
    handle = system.flows.start(json.loads(Path(order["flow"]).read_text()), run_id=order["run_id"])
    tell(started=time.time_ns() // 1000)
    finish(handle)


def resume(order: dict[str, Any], system: ActorSystem) -> None:
    if order.get("barrier"):
        tell(ready=os.getpid())
        sys.stdin.readline()
    try:
        handle = system.flows.resume(order["run_id"])
    except DaggerError as error:
        tell(error=type(error).__name__, text=str(error), pid=getattr(error, "pid", None))
        return
    tell(resumed=os.getpid())
    finish(handle)


def beside(order: dict[str, Any], system: ActorSystem) -> None:
    """Measure what the others get beside one thread that computes in pure Python."""
    burner = system.flows.start(json.loads(Path(order["flow"]).read_text()), run_id=order["run_id"])
    wait_for_start(os.environ["BODY_LOG"])
    for kind in ("plain", "coroutine", "both"):
        spent = []
        for number in range(order["rounds"]):
            begun = time.monotonic_ns()
            state = system.flows.start(chain(kind), run_id=f"{kind}{number}").wait(timeout=60).state
            spent.append((time.monotonic_ns() - begun) / 1e6)
            assert state == "succeeded"
        tell(chain=kind, ms=spent)
    for batch in range(3):
        tell(group=512, ms=groups(system, range(batch * 15, batch * 15 + 15)))
    burner.cancel()


def wait_for_start(log: str) -> None:
    while not Path(log).stat().st_size:
        time.sleep(0.001)


def groups(system: ActorSystem, numbers: range) -> list[float]:
    """Milliseconds from handing over a unit of 512 node rows to its effects."""
    reader = apsw.Connection(str(system.path), flags=apsw.SQLITE_OPEN_READONLY)
    run_key = next(reader.execute("SELECT run_key FROM flow_runs WHERE run_id = 'both0'"))[0]
    reader.close()
    spent = []
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for number in numbers:
        rows = [
            NodeRow(
                run_key, node, -1, 1, "both0", f"g{node}", "", "succeeded",
                output=str(node * 7), started_at=1, finished_at=2,
            )
            for node in range(1000 + number * 512, 1512 + number * 512)
        ]  # fmt: skip
        unit = Unit([Write("node_runs.put", rows, 512)], lambda: answer.put(None), answer.put)
        begun = time.monotonic_ns()
        system.journal.submit(unit)
        refused = answer.get(timeout=60)
        spent.append((time.monotonic_ns() - begun) / 1e6)
        assert refused is None, refused
    return spent


def idle(order: dict[str, Any], system: ActorSystem) -> None:
    """Pause a run, let everything come to rest, and measure this process's CPU time."""
    report = system.flows.start(json.loads(Path(order["flow"]).read_text()), run_id=order["run_id"]).wait(timeout=60)
    assert report.state == "paused", report
    shares = [share_used(order["seconds"]) for _ in range(order["stretches"])]
    tell(share=min(shares), seconds=order["seconds"], threads=threading.active_count())


def share_used(seconds: float) -> float:
    """How much of a core this process uses in a stretch of time, once it has come to rest."""
    time.sleep(0.6)
    begun, used = time.monotonic(), time.process_time()
    time.sleep(seconds)
    return (time.process_time() - used) / (time.monotonic() - begun)


def finish(handle: Any) -> None:
    report = handle.wait(timeout=120)
    tell(state=report.state, error=report.error)


class Counted(msgspec.Struct):
    number: int = 0


class Counter(Actor, durable=True):
    state: Counted

    @handler
    def count(self, _word: str) -> int:
        self.state.number += 1
        return self.state.number


def count(order: dict[str, Any], system: ActorSystem) -> None:
    """Ask some durable actors to count, each again as soon as it has answered, and tell every answer, until killed."""
    for number in range(order["actors"]):
        system.actors.start(ChildSpec(Counter, f"c{number}"))
    lock = threading.Lock()

    def go_on(name: str, reply: Any = None) -> None:
        if reply is not None:
            with lock:
                tell(answered=name, number=reply.get(timeout=0))
        system.actors[name].ask("count", block=False).add_done(partial(go_on, name))

    for number in range(order["actors"]):
        go_on(f"c{number}")
    sys.stdin.readline()


def cancel(order: dict[str, Any], system: ActorSystem) -> None:
    """Cancel, and see in the file, through a connection of its own, when that is recorded."""
    reader = apsw.Connection(order["db"], flags=apsw.SQLITE_OPEN_READONLY)
    system.flows.report(order["run_id"])  # what is loaded at the first use is not part of the measure
    recorded: list[int] = []

    def watch() -> None:
        while True:
            status = next(reader.execute("SELECT status FROM flow_runs WHERE run_id = ?", (order["run_id"],)))[0]
            if status == "cancelled":
                recorded.append(time.monotonic_ns())
                return
            time.sleep(0.0005)

    watcher = threading.Thread(target=watch)
    tell(ready=os.getpid())
    sys.stdin.readline()
    begun = time.monotonic_ns()
    watcher.start()
    report = system.flows.cancel(order["run_id"])
    returned = time.monotonic_ns()
    size = Path(os.environ["BODY_LOG"]).stat().st_size
    watcher.join()
    reader.close()
    tell(
        state=report.state, recorded_ms=(recorded[0] - begun) / 1e6, returned_ms=(returned - begun) / 1e6, log_size=size
    )


VERBS = {"run": run, "resume": resume, "cancel": cancel, "beside": beside, "idle": idle, "count": count}


def main() -> None:
    order = json.loads(sys.argv[1])
    with ActorSystem(order["db"], recover=order.get("recover", False)) as system:
        if order.get("die_after_claim"):
            system._hub.open = lambda *_args, **_kwargs: die()  # type: ignore[assignment,method-assign]
        if order.get("die_at_commit"):
            die_at_commit(system, *order["die_at_commit"])
        VERBS[order["do"]](order, system)
        tell(leaving=True)


if __name__ == "__main__":
    main()
