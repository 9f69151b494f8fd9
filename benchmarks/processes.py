"""A CPU-bound map over two worker processes, beside ``concurrent.futures`` doing the same: ``python benchmarks/processes.py``.

Each item computes for 50 ms of processor time. Both have their two workers warm; figures are items a second.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from dagger_actors import ActorSystem, action

ITEM_S = 0.05
WORKERS = 2
TARGET = 0.9


@action
def burn(item: int) -> int:
    """Compute for 50 ms of this process's own time."""
    until = time.process_time() + ITEM_S
    number = item
    while time.process_time() < until:
        number = (number * 1_103_515_245 + 12_345) % 2_147_483_648
    return number % 2


def peer(pool: ProcessPoolExecutor, count: int) -> float:
    begun = time.perf_counter()
    list(pool.map(burn, range(count)))
    return count / (time.perf_counter() - begun)


def ours(system: ActorSystem, count: int) -> float:
    node = {"id": "burn", "action": "burn", "isolation": "process", "map": {"over": "inputs.items", "item": "item"}}
    spec = {"name": "burn", "inputs": {"items": list(range(count))}, "nodes": [node]}
    begun = time.perf_counter()
    system.flows.start(spec).result(timeout=600)
    return count / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=200, help="items of each measure")
    parser.add_argument("--repeat", type=int, default=5, help="measures of each, taken in turns")
    options = parser.parse_args()
    reference = str(Path(__file__).absolute())
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(WORKERS) as pool,
        ActorSystem(Path(folder) / "bench.db", imports=[reference], processes=WORKERS) as system,
    ):
        peer(pool, WORKERS * 2)
        ours(system, WORKERS * 2)
        pairs = [(ours(system, options.items), peer(pool, options.items)) for _ in range(options.repeat)]
    value, limit = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    figure = {
        "name": "processes",
        "value": round(value, 2),
        "unit": "items/s",
        "target": f">= {TARGET} x limit",
        "limit": round(limit, 2),
        "ratio": round(ratio, 3),
        "ok": ratio >= TARGET,
        "repeats": options.repeat,
    }
    print(json.dumps(figure, separators=(",", ":")))


if __name__ == "__main__":
    main()
