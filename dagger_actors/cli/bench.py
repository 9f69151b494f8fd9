"""``bench``: run a system file under load; tell throughput and latency of agents and subscriptions, and the machine's limits."""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from dagger_actors.cli.benching.given import actors_of, agents_of, check_load, read_publish, read_send, wiring_of
from dagger_actors.cli.benching.load import Load
from dagger_actors.cli.benching.machine import Limits, measure_limits
from dagger_actors.cli.benching.meter import Meter
from dagger_actors.cli.benching.publisher import Publish
from dagger_actors.cli.benching.report import BenchReport, print_report
from dagger_actors.cli.benching.schedule import Plan
from dagger_actors.cli.benching.sender import Send
from dagger_actors.cli.command_line import advising
from dagger_actors.cli.exits import INTERRUPTED, OK, UsageError, complain
from dagger_actors.cli.json_report import write_json
from dagger_actors.cli.log_lines import LogLines
from dagger_actors.cli.options import AsJson, Database, Resources
from dagger_actors.cli.place import resources_at
from dagger_actors.cli.text import printable
from dagger_actors.cli.watch import Interrupts
from dagger_actors.errors import StoreError, SystemFailed
from dagger_actors.supervised.files.from_file import load_supervisor
from dagger_actors.system import ActorSystem

__all__ = ["bench"]

DURATION_S = 10.0
"""When neither --duration nor --count says how long."""

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
    publish: Annotated[
        tuple[str, ...],
        Parameter(
            help="CHANNEL=file.py:items or CHANNEL=module:items: a generator function, whose items are published to that "
            "channel; repeatable."
        ),
    ] = (),
    rate: Annotated[
        float | None,
        Parameter(
            help="Messages a second, of all --send and --publish together; absent: as fast as it goes, with "
            "full mailboxes and channels."
        ),
    ] = None,
    count: Annotated[int | None, Parameter(help="Stop after so many messages.")] = None,
    duration: Annotated[
        float | None, Parameter(help="Stop after so many seconds; 10 when --count is absent, too.")
    ] = None,
    warmup: Annotated[float, Parameter(help="Seconds at the start that are not measured.")] = 0.0,
    ask: Annotated[
        bool, Parameter(help="With --send, ask: latency is to the answer; else to the end of the handler.")
    ] = False,
    as_json: AsJson = False,
    db: Database | None = None,
    resources: Resources = None,
) -> int:
    """Run a system file under load: throughput and latency of each agent and subscription, beside the machine's limits.

    With --rate each message is due at a time of its own, and latency is counted from it: a system that is slow does not
    hide what waits. Ends with what comes first: --count, --duration, the ends of the generators. Without --db durable
    state and channels are in a temporary file, and gone with it. Exits with 0, 1 when a supervisor gives up, 2 when it cannot
    be done as asked for, 130 when it was stopped.
    """
    plan = _plan(rate, count, duration, warmup)
    with Interrupts() as interrupts, LogLines(FirstLines()):
        with advising(spec):
            loaded = load_supervisor(spec)
            agents, wiring = dict(agents_of(loaded.root)), wiring_of(loaded)
        given: list[Send | Publish] = [
            *(read_send(one, spec, agents) for one in send),
            *(read_publish(one, spec, wiring) for one in publish),
        ]
        check_load(len(send), len(publish), is_ask=ask)
        meter = Meter({actor: path for path, child in agents.items() for actor in actors_of(path, child)})
        made = resources_at(resources)
        with advising(spec):
            # What a dead process held of channels is taken over: else some keys would be nobody's.
            system = ActorSystem.from_spec(
                spec, db, recover=bool(publish), resources=made, telemetry=meter, on_undelivered=meter.listen
            )
        load = Load(system, meter, plan, spec=spec, is_ask=ask)
        try:
            with system:
                load.run(given, interrupts)
        except SystemFailed:
            _tell(load.report(), as_json=as_json)
            raise
    is_durable = bool(publish) or any(child.actor.durable for child in agents.values())
    limits = _limits(db, is_durable=is_durable)
    _tell(msgspec.structs.replace(load.report(), limits=limits), as_json=as_json)
    if load.failure is not None:
        raise load.failure
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
