"""Random scenarios for ``tests/data/otp/recorder.escript``, which plays them with OTP's own supervisor.

To record them anew, with Erlang at hand::

    python -m tests.stateful.otp_scenarios > scenarios.term
    escript tests/data/otp/recorder.escript scenarios.term > seen.jsonl
    python -m tests.stateful.otp_scenarios seen.jsonl > tests/data/otp/recording.jsonl
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

COUNT = 300
IDS = "abcdef"
REASONS = ("boom", "boom", "boom", "normal", "shutdown")

Scenario = dict[str, Any]


def scenario(number: int) -> Scenario:
    """Make one; the same for the same number, on any machine."""
    chance = random.Random(number)
    auto = chance.choice(("never", "never", "any_significant", "all_significant"))
    count = chance.randint(1, 5)
    steps = [one for _ in range(chance.randint(3, 10)) for one in step(chance, auto, IDS[: count + 1])]
    return {
        "number": number,
        "strategy": chance.choice(("one_for_one", "one_for_all", "rest_for_one")),
        "intensity": chance.choice((0, 1, 3, 3, 8)),
        "auto_shutdown": auto,
        "children": [child(chance, auto, IDS[index]) for index in range(count)],
        "fail": [(chance.choice(IDS[:count]), 1)] if chance.random() < 0.06 else [],
        "steps": steps,
    }


def child(chance: random.Random, auto: str, name: str) -> tuple[str, str, bool]:
    restart = chance.choice(("permanent", "permanent", "transient", "temporary"))
    may_be = restart != "permanent" and (auto != "never" or chance.random() < 0.1)
    return name, restart, may_be and auto != "never" and chance.random() < 0.6


def step(chance: random.Random, auto: str, names: str) -> list[tuple[Any, ...]]:
    what = chance.choice(
        ("leave",) * 8 + ("fails",) * 6 + ("terminate",) * 3 + ("restart",) * 3 + ("delete", "delete", "add", "add")
    )
    name = chance.choice(names)
    match what:
        case "leave":
            return [(what, name, chance.choice(REASONS))]
        case "fails":
            other = name if chance.random() < 0.5 else chance.choice(names)
            return [(what, name, chance.choice((1, 1, 2, 3))), ("leave", other, "boom")]
        case "add":
            id, restart, significant = child(chance, auto, name)
            return [(what, (id, restart, significant or (restart != "permanent" and chance.random() < 0.2)))]
        case _:
            return [(what, name)]


def as_term(value: Any) -> str:
    """Erlang's way to write it."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{','.join(as_term(one) for one in value)}]"
        case tuple():
            return f"{{{','.join(as_term(one) for one in value)}}}"
        case _:
            return str(value)


def main(seen: list[str]) -> None:
    """Write the scenarios as Erlang terms, or, given what was seen, both together as JSON."""
    for number in range(COUNT):
        one = scenario(number)
        if seen:
            print(json.dumps(one | json.loads(seen[number]), separators=(",", ":")))
            continue
        steps = [("fail", one["fail"]), *one["steps"]]
        print(as_term((number, one["strategy"], one["intensity"], one["auto_shutdown"], one["children"], steps)) + ".")


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines() if sys.argv[1:] else [])
