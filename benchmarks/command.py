"""The command of a benchmark: its options, its figures one after the other, one JSON object a line, its exit status."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import apsw
import msgspec
from figures import Figure, Line, Sample, Skipped, judge

__all__ = ["run"]


def run(
    figures: Sequence[Figure], scale: Any, quick: Any, about: str, arguments: list[str] | None, *, repeats: int = 5
) -> int:
    """Measure and print.

    Args:
        figures: What can be measured.
        scale: The sizes that the targets are for.
        quick: Those of ``--quick``.
        about: For ``--help``.
        arguments: Of the command line; None = the process's.
        repeats: How often each figure is measured unless the command line says otherwise.

    Returns:
        The exit status.
    """
    parser = _parser(figures, about, repeats)
    options = parser.parse_args(arguments)
    if options.repeat < 1 or not options.db.is_dir():
        parser.error("--repeat is 1 or more, and --db is a folder that exists")
    chosen = [figure for figure in figures if _is_chosen(figure, options)]
    scale, repeats = (quick, 1) if options.quick else (scale, options.repeat)
    print(msgspec.json.encode(_machine(chosen)).decode(), flush=True)
    is_missed = False
    for figure in chosen:
        for line in _measure(figure, scale, repeats, options.db, has_target=not options.quick):
            print(msgspec.json.encode(line).decode(), flush=True)
            is_missed = is_missed or line.ok is False
    return 1 if is_missed and options.check else 0


def _parser(figures: Sequence[Figure], about: str, repeats: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=f"{about}; one JSON object a line.")
    parser.add_argument("--only", action="append", choices=[figure.name for figure in figures], help="may be repeated")
    many = f"medians of so many ({repeats})"
    parser.add_argument("--repeat", type=int, default=repeats, metavar="N", help=many)
    large = ", ".join(figure.name for figure in figures if figure.is_large)
    parser.add_argument("--large", action="store_true", help=f"the large ones too: {large}")
    parser.add_argument("--quick", action="store_true", help="everything once and small, no targets: does it run?")
    parser.add_argument("--check", action="store_true", help="exit status 1 when a target is missed")
    parser.add_argument("--db", type=Path, default=Path(), metavar="FOLDER", help="where the databases are made (here)")
    return parser


def _is_chosen(figure: Figure, options: argparse.Namespace) -> bool:
    if options.only:
        return figure.name in options.only
    return options.large or options.quick or not figure.is_large


def _measure(
    figure: Figure, scale: Any, repeats: int, folder: Path, *, has_target: bool
) -> Sequence[Line] | Sequence[Skipped]:
    missing = [package for package in figure.needs if _version(package) is None]
    if missing:
        told = f"{' and '.join(missing)} not installed: pip install -e '.[bench]'"
        is_asked = has_target and any(figure.targets.values())
        return [Skipped(name=figure.name, skipped=told, ok=False if is_asked else None)]
    samples: dict[str, list[Sample]] = {name: [] for name in figure.targets}
    for _ in range(min(repeats, figure.most_repeats or repeats)):
        with tempfile.TemporaryDirectory(prefix=".benchmark-", dir=folder) as fresh:
            for name, sample in figure.measure(Path(fresh), scale).items():
                samples[name].append(sample)
    return [
        judge(name, figure.units.get(name, figure.unit), target if has_target else None, samples[name])
        for name, target in figure.targets.items()
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _machine(figures: Sequence[Figure]) -> dict[str, object]:
    needed = {package for figure in figures for package in figure.needs}
    return {
        "machine": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": [round(one, 2) for one in os.getloadavg()],
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "synchronous": "full",
        **{name: version(name) for name in ("apsw", "msgspec", "pykka", "tenacity", "PyYAML")},
        **{name: _version(name) for name in sorted(needed)},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
