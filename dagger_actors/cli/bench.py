"""``bench``: run a system file under load, and tell throughput and latency of each agent beside the machine's limits."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from dagger_actors.cli.benching.load import Load
from dagger_actors.cli.benching.machine import Limits, measure_limits
from dagger_actors.cli.benching.meter import Meter
from dagger_actors.cli.benching.report import BenchReport, print_report
from dagger_actors.cli.benching.schedule import Plan
from dagger_actors.cli.benching.sender import Send, load_items
from dagger_actors.cli.command_line import advising
from dagger_actors.cli.exits import INTERRUPTED, OK, UsageError, complain
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.options import AsJson, Database
from dagger_actors.cli.progress import LogLines
from dagger_actors.cli.text import printable
from dagger_actors.cli.watch import Interrupts
from dagger_actors.core.wording import listed, nearest, quoted
from dagger_actors.errors import StoreError, SystemFailed
from dagger_actors.supervised.from_file import load_supervisor
from dagger_actors.supervised.spec import ChildSpec, Supervisor
from dagger_actors.system import ActorSystem

__all__ = ["bench"]

DURATION_S = 10.0
"""When neither --duration nor --count says how long."""

SENDERS = 100
"""Times --send, at most: each is a thread."""

RECORDS = 4
"""Of the log, so many are shown."""


def bench(
    spec: Annotated[str, Parameter(name="SPEC", help="The system file.")],
    /,
    *,
    send: Annotated[
        tuple[str, ...],
        Parameter(
            help="AGENT=file.py:items or AGENT=module:items: a generator function, whose items go to that agent or pool, "
            "by its id; repeatable."
        ),
    ] = (),
    rate: Annotated[
        float | None,
        Parameter(help="Messages a second, of all --send together; absent: as fast as it goes, with full mailboxes."),
    ] = None,
    count: Annotated[int | None, Parameter(help="Stop after so many messages.")] = None,
    duration: Annotated[
        float | None, Parameter(help="Stop after so many seconds; 10 when --count is absent, too.")
    ] = None,
    warmup: Annotated[float, Parameter(help="Seconds at the start that are not measured.")] = 0.0,
    ask: Annotated[bool, Parameter(help="Ask: latency is to the answer; else to the end of the handler.")] = False,
    as_json: AsJson = False,
    db: Database | None = None,
) -> int:
    """Run a system file under load: throughput and latency of each agent, beside the machine's own limits.

    With --rate each message is due at a time of its own, and latency is counted from it: a system that is slow does not
    hide what waits. Ends with what comes first: --count, --duration, the ends of the generators. Without --db the durable
    state is in a temporary file, and gone with it. Exits with 0, 1 when the root supervisor gives up, 2 when it cannot be
    done as asked for, 130 when it was stopped.
    """
    plan = _plan(rate, count, duration, warmup)
    with Interrupts() as interrupts, LogLines(FirstLines()):
        with advising(spec):
            agents = dict(_agents(load_supervisor(spec).root, ""))
        sends = [_read_send(one, spec, agents) for one in send]
        if not sends:
            raise UsageError("nothing is to be sent", "say what, and to whom: --send AGENT=file.py:items")
        if len(sends) > SENDERS:
            raise UsageError(f"{len(sends):,} times --send are too many", f"give {SENDERS} at most")
        meter = Meter({actor: path for path, child in agents.items() for actor in _actors(path, child)})
        with advising(spec):
            system = ActorSystem.from_spec(spec, db, recover=False, telemetry=meter, on_undelivered=meter.listen)
        load = Load(system, meter, plan, spec=spec, is_ask=ask)
        try:
            with system:
                load.run(sends, interrupts)
        except SystemFailed:
            _tell(load.report(), as_json=as_json)
            raise
    limits = _limits(db, is_durable=any(child.actor.durable for child in agents.values()))
    _tell(msgspec.structs.replace(load.report(), limits=limits), as_json=as_json)
    return INTERRUPTED if interrupts.first is not None else OK


class FirstLines:
    """Shows the first of what the log says: under load a failure comes a thousand times, and the table counts it."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, text: str) -> None:
        """Show one record, or that no more are shown."""
        self._told += 1
        if self._told > RECORDS + 1:
            return
        text = text if self._told <= RECORDS else "more of the log is not shown; the table counts failures and restarts"
        sys.stderr.write(f"{printable(text)}\n")  # while the table is shown, rich puts this above it


def _limits(db: str | None, *, is_durable: bool) -> Limits:
    """Measure the machine; that a folder takes no second file must not cost the report."""
    folder = Path(db).absolute().parent if db else Path(tempfile.gettempdir())
    try:
        return measure_limits(folder if is_durable else None)
    except (OSError, StoreError) as error:
        complain(f"commits cannot be measured in {folder}: {error}")
        return measure_limits(None)


def _tell(report: BenchReport, *, as_json: bool) -> None:
    if as_json:
        write_json(report)
    else:
        print_report(report)


def _plan(rate: float | None, count: int | None, duration: float | None, warmup: float) -> Plan:
    for name, value, without in (
        ("--rate", rate, "leave it out to send as fast as it goes"),
        ("--count", count, "leave it out to stop after a time"),
        ("--duration", duration, "leave it out for the default"),
    ):
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"{name} is more than 0, not {value:g}", without)
    if not 0 <= warmup < math.inf:
        raise UsageError(f"--warmup is 0 seconds or more, not {warmup:g}", "leave it out for none")
    if duration is None and count is None:
        duration = DURATION_S
    return Plan(rate=rate, count=count, duration_s=duration, warmup_s=warmup)


def _agents(supervisor: Supervisor, above: str) -> Iterator[tuple[str, ChildSpec]]:
    """The agents of a tree by their paths, in the order of the start."""
    for one in supervisor.specs():
        path = f"{above}{one.id}"
        if isinstance(one, Supervisor):
            yield from _agents(one, f"{path}/")
        else:
            yield path, one


def _actors(path: str, child: ChildSpec) -> Iterator[str]:
    """The actors of an agent, as the system names them."""
    yield path
    yield from (f"{path}-{number}" for number in range(1, child.instances + 1))


def _read_send(text: str, spec: str, agents: Mapping[str, ChildSpec]) -> Send:
    name, _, reference = text.partition("=")
    if not (name and reference):
        raise UsageError(f"--send {quoted(text)} is not AGENT=file.py:items", "name an agent and its generator")
    by_id = {path.rpartition("/")[2]: path for path in agents}
    path = name if name in agents else by_id.get(name)
    if path is None:
        near = nearest(name, by_id)
        advice = f"did you mean {quoted(near)}?" if near is not None else f"it has: {listed(tuple(by_id))}"
        raise UsageError(f"{spec} has no agent {quoted(name)}", advice)
    return Send(agent=path, reference=reference, items=load_items(reference, Path(spec).parent))
