"""A flow that awaits a message, in real processes: one waits, one publishes, and who waits is killed meanwhile."""

from __future__ import annotations

import pytest

SHOP = """
import msgspec
from dagger_actors import Subscriber, action, subscribe

class Payment(msgspec.Struct, frozen=True):
    order: int
    amount: float = 1.0

class Book(Subscriber):
    @subscribe("payments")
    def note(self, payment: Payment) -> None:
        pass
"""

SYSTEM = """
system: shop
agents:
  - {id: book, class: shop.py:Book}
channels:
  payments: {}
"""

FLOW = """
name: pay
inputs: {order: {type: int}}
nodes:
  - id: paid
    await_message: {channel: payments, match: {order: inputs.order}, timeout_s: 600}
outputs: {amount: paid.amount}
"""


@pytest.fixture
def shop(program):
    for name, text in (("shop.py", SHOP), ("shop.yaml", SYSTEM), ("pay.yaml", FLOW)):
        (program.folder / name).write_text(text)
    return program


def declared(shop) -> None:
    """Let the system run once, so that the database knows its channels."""
    done = shop("up", "shop.yaml", "--db", "dagger.db", "--until-rest")
    assert done.returncode == 0, done.stderr


def test_a_run_waits_for_what_another_process_publishes(shop, wait_for) -> None:
    """Law: `run` ends with the message that matches, whoever publishes it; `why` says what it waits for meanwhile."""
    declared(shop)
    waiting = shop.start("run", "pay.yaml", "-i", "order=7", "--run-id", "r")
    wait_for(waiting, "paid waiting")
    told = shop("why", "r", "paid").stdout
    assert "it awaits a message of payments with order = inputs.order\n" in told
    assert "it times out at " in told
    for order in (6, 7):
        published = shop("publish", "payments", f'{{"order": {order}, "amount": {order}.5}}')
        assert published.returncode == 0, published.stderr
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, err
    assert "amount: 7.5" in out
    assert "message 1 of 'payments'" in shop("show", "r").stdout


def test_what_is_published_while_nobody_runs_is_not_missed(shop, wait_for) -> None:
    """Law: a wait survives kill -9 of its process, and so does what came meanwhile."""
    declared(shop)
    waiting = shop.start("run", "pay.yaml", "-i", "order=7", "--run-id", "r")
    wait_for(waiting, "paid waiting")
    waiting.kill()
    waiting.wait()
    assert shop("publish", "payments", '{"order": 7, "amount": 2.5}').returncode == 0
    done = shop("resume", "r")
    assert done.returncode == 0, done.stderr
    assert "amount: 2.5" in done.stdout
    node = shop.report("r")["nodes"][0]
    assert [one["attempt"] for one in node["attempts"]] == [1], "the wait went on, it was not begun anew"


def test_a_run_whose_channel_nobody_knows_is_refused(shop) -> None:
    """Law: without the channel the flow is refused with its line, exit 2; `validate` takes it, for a flow alone says nothing
    of channels."""
    done = shop("run", "pay.yaml", "-i", "order=7")
    assert done.returncode == 2
    assert (
        "pay.yaml:6:30: node 'paid': neither this system nor its database knows the channel 'payments'" in done.stderr
    )
    assert shop("validate", "pay.yaml").returncode == 0


def test_validate_knows_the_channels_of_a_system_that_is_named(shop) -> None:
    """Law: with --system an unknown channel, and a field that its type lacks, are told with their lines; exit 2."""
    (shop.folder / "bad.yaml").write_text(FLOW.replace("{order: inputs", "{ordre: inputs"))
    assert shop("validate", "pay.yaml", "--system", "shop.yaml").returncode == 0
    done = shop("validate", "bad.yaml", "--system", "shop.yaml")
    assert done.returncode == 2
    assert "bad.yaml:6:55: node 'paid': await_message.match: Payment has no field 'ordre'" in done.stderr
    assert "Did you mean order?" in done.stderr
    for words, part in (
        (("shop.yaml", "--system", "shop.yaml"), "--system is for flows, and this is a system"),
        (("pay.yaml", "--system", "pay.yaml"), "--system names a system file, and pay.yaml is a flow"),
    ):
        done = shop("validate", *words)
        assert (done.returncode, part in done.stderr) == (2, True), done.stderr
