"""Triggers of a system file, with ``up``: what others publish begins tasks and flows, once, whoever is killed."""

from __future__ import annotations

import re
import signal
from collections import Counter

from dagger_actors import ActorSystem
from tests.unit.bridges.test_trigger_files import SHIPPING, SHOP, SYSTEM

COUNT = 20


def write(program) -> None:
    for name, text in (("shop.py", SHOP), ("shipping.yaml", SHIPPING), ("system.yaml", SYSTEM)):
        (program.folder / name).write_text(text)


def publish(program, customer: str, cents: int) -> None:
    done = program("publish", "orders.eu", f'{{"customer": "{customer}", "cents": {cents}}}', "--db", "a.db")
    assert done.returncode == 0, done.stderr


def test_messages_begin_tasks_and_flows_and_all_comes_to_rest(program):
    """Law: the file is all there is to write; subscriptions are listed like any other."""
    write(program)
    assert program("up", "system.yaml", "--db", "a.db", "--until-rest").returncode == 0
    publish(program, "ann", 250)
    publish(program, "bob", 0)
    done = program("up", "system.yaml", "--db", "a.db", "--until-rest")
    assert done.returncode == 0, done.stderr
    assert {line for line in done.stdout.splitlines() if line.startswith(("billed", "shipped"))} == {
        "billed ann 250",
        "shipped to ann",
        "shipped to bob",
    }
    listed = program("subscriptions", "list", "--db", "a.db", "--json").stdout
    assert re.search(r"trigger-bill\.spawn\b", listed)
    assert re.search(r"trigger-shipping\.start\b", listed)


def test_a_process_that_is_killed_amid_its_turns_has_begun_everything_once(program):
    """Law: with ``kill -9`` at some moment of many messages, another process goes on, and nothing is begun twice or not at all."""
    write(program)
    assert program("up", "system.yaml", "--db", "a.db", "--until-rest").returncode == 0
    with ActorSystem(program.folder / "a.db") as system:
        system.channels.publish_many("orders.eu", [{"customer": f"c{number}", "cents": 1} for number in range(COUNT)])
    running = program.start("up", "system.yaml", "--db", "a.db")
    assert running.stdout is not None
    assert any(line.startswith(("billed", "shipped")) for line in running.stdout), "it has begun"
    running.send_signal(signal.SIGKILL)
    running.wait(60)
    done = program("up", "system.yaml", "--db", "a.db", "--until-rest")
    assert done.returncode == 0, done.stderr
    with ActorSystem(program.folder / "a.db", recover=False) as system:
        tasks = Counter((one.key, one.state) for one in system.tasks.tasks(limit=100))
        assert tasks == Counter((f"trigger-bill/orders.eu/{offset}", "completed") for offset in range(COUNT))
        runs = Counter((one.run_id, one.state) for one in system.flows.runs(limit=100))
        assert runs == Counter((f"trigger-shipping/orders.eu/{offset}", "succeeded") for offset in range(COUNT))
