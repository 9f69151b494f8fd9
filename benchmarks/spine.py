"""The figures of the spine at rest: the chain, the fans, the independent nodes, and the large flow from YAML."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import workloads
import yaml
from figures import Sample, Scale
from limits import BareFile, Recording, hand_offs_s

from dagger_actors import ActorSystem

__all__ = ["chain", "fan", "fan_of_map", "independent", "independent_at_4", "large", "open_system", "run_to_end"]

PATIENCE_S = 600.0


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """One run, from ``start`` to the state in which its caller hears of its end."""

    run_id: str
    wall_s: float
    cpu_s: float


@contextmanager
def open_system(folder: Path) -> Iterator[ActorSystem]:
    """Open a fresh file and run one small flow on it, so that threads, statements and caches are there."""
    with ActorSystem(folder / "dagger.db", actions=workloads.ACTIONS, synchronous="full") as system:
        run_to_end(system, workloads.independent(8))
        yield system


def run_to_end(system: ActorSystem, definition: dict[str, Any] | str) -> Timed:
    """Run a flow that must succeed; given as data its load is timed too, given by name it is not."""
    cpu, wall = time.process_time(), time.perf_counter()
    run = system.flows.start(definition)
    system.flows.wait_for(run.id, PATIENCE_S)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    (summary,) = (one for one in system.flows.runs() if one.run_id == run.id)
    if summary.state != "succeeded":
        raise SystemExit(f"the run of {definition!r:.80} ended {summary.state}: {summary.error}")
    return Timed(run_id=run.id, wall_s=wall, cpu_s=cpu)


def _measured(folder: Path, definition: dict[str, Any]) -> tuple[Timed, Recording]:
    with open_system(folder) as system:
        timed = run_to_end(system, _loaded(system, folder, definition))
    return timed, Recording(folder / "dagger.db", timed.run_id)


def _loaded(system: ActorSystem, folder: Path, definition: dict[str, Any]) -> str:
    path = folder / "flow.yaml"
    path.write_bytes(msgspec.json.encode(definition))
    return system.flows.load(path).name


def _bare_s(folder: Path, recording: Recording, write: Callable[[BareFile], float]) -> float:
    bare = BareFile(folder / "bare.db", recording)
    try:
        return write(bare)
    finally:
        bare.close()


def chain(folder: Path, scale: Scale) -> dict[str, Sample]:
    """A chain; its limit is a bare commit and a bare hand-off for each node."""
    timed, recording = _measured(folder, workloads.chain(scale.chain))
    limit = _bare_s(folder, recording, BareFile.commits_s) + hand_offs_s(scale.chain)
    return {"chain": Sample(value=timed.wall_s, limit=limit, cpu_s=timed.cpu_s)}


def fan(folder: Path, scale: Scale) -> dict[str, Sample]:
    """One node, many, one; its limit is the same rows in groups."""
    return {"fan": _fanned(folder, workloads.fan(scale.fan), scale)}


def fan_of_map(folder: Path, scale: Scale) -> dict[str, Sample]:
    """The same as a ``map``."""
    return {"fan_of_map": _fanned(folder, workloads.fan_of_map(scale.fan), scale)}


def _fanned(folder: Path, definition: dict[str, Any], scale: Scale) -> Sample:
    timed, recording = _measured(folder, definition)
    limit = _bare_s(folder, recording, lambda bare: bare.groups_s(scale.group))
    return Sample(value=timed.wall_s, limit=limit, cpu_s=timed.cpu_s)


def independent(folder: Path, scale: Scale) -> dict[str, Sample]:
    """Independent nodes under the default settings, in nodes a second."""
    return {"independent": _rate(folder, workloads.independent(scale.independent), scale)}


def independent_at_4(folder: Path, scale: Scale) -> dict[str, Sample]:
    """The same, four at once."""
    return {"independent_at_4": _rate(folder, workloads.independent(scale.independent, 4), scale)}


def _rate(folder: Path, definition: dict[str, Any], scale: Scale) -> Sample:
    timed, recording = _measured(folder, definition)
    limit_s = _bare_s(folder, recording, lambda bare: bare.groups_s(scale.group))
    count = len(definition["nodes"])
    return Sample(value=count / timed.wall_s, limit=count / limit_s, cpu_s=timed.cpu_s)


def large(folder: Path, scale: Scale) -> dict[str, Sample]:
    """A large flow file: its load beside libyaml's bare events, its run beside its bare rows, the peak of memory."""
    path = folder / "large.yaml"
    path.write_text(workloads.independent_yaml(scale.large), encoding="utf-8")
    with open_system(folder) as system:
        began = time.perf_counter()
        name = system.flows.load(path).name
        load_s = time.perf_counter() - began
        timed = run_to_end(system, name)
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    recording = Recording(folder / "dagger.db", timed.run_id)
    return {
        "large_load": Sample(value=load_s, limit=_events_s(path)),
        "large_run": Sample(
            value=timed.wall_s,
            limit=_bare_s(folder, recording, lambda bare: bare.groups_s(scale.group)),
            cpu_s=timed.cpu_s,
        ),
        "large_peak": Sample(value=peak_mib),
    }


def _events_s(path: Path) -> float:
    began = time.perf_counter()
    with path.open("rb") as file:
        for _ in yaml.parse(file, Loader=yaml.CSafeLoader):
            pass
    return time.perf_counter() - began
