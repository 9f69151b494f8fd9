"""``bench``: a system file under load; what is told, and what is refused."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import Any

import msgspec
import pytest

from dagger_actors.cli.app import main
from dagger_actors.cli.benching import load, machine
from dagger_actors.cli.benching.meter import Meter
from tests.busy import COMMAND_S

SYSTEM = """
system: small
agents:
  - {id: adder, class: "small.py:Adder", instances: 2}
  - id: office
    agents: [{id: keeper, class: "small.py:Keeper"}]
"""
AGENTS = """
import itertools, threading
import msgspec
from dagger_actors import Actor, ActorContext, handler

many = threading.Event()

class Add(msgspec.Struct, frozen=True):
    number: int

class Other(msgspec.Struct, frozen=True):
    pass

class Sums(msgspec.Struct):
    sum: int = 0

class Adder(Actor):
    @handler
    def add(self, add: Add, ctx: ActorContext) -> int:
        if add.number < -1:
            many.wait(30)
        if add.number < 0:
            raise ValueError("too small")
        ctx.find("office/keeper").tell(add)
        return add.number

class Keeper(Actor, durable=True):
    state: Sums

    @handler
    def add(self, add: Add) -> None:
        self.state.sum += add.number

def adds():
    for number in itertools.count():
        yield Add(number)

def told():
    for add in adds():
        if add.number == 20:
            print("twenty", flush=True)
        yield add

def ten():
    return [Add(number) for number in range(10)]

def one_bad():
    yield from [Add(1), Add(-1), Add(2)]

def bad():
    for number in itertools.count():
        if number == 100:
            many.set()
        yield Add(-2)

def none():
    return iter(())

def raising():
    yield Add(1)
    raise LookupError("no more")

def others():
    yield Add(1)
    yield Other()

def number():
    return 7

NUMBERS = [7]

def unsendable():
    yield Add(object())
"""


@pytest.fixture
def patient(monkeypatch):
    """All that is due is sent, also where a thread of a busy machine comes when the time is over."""
    monkeypatch.setattr(load, "LATE_S", COMMAND_S)
    monkeypatch.setattr(load, "DRAIN_S", COMMAND_S)


@pytest.fixture
def small(program):
    (program.folder / "small.yaml").write_text(SYSTEM)
    (program.folder / "small.py").write_text(AGENTS)
    return program


def benched(small, *words: str):
    done = small("bench", "small.yaml", *words, "--json")
    assert done.returncode == 0, done.stderr
    report = msgspec.json.decode(done.stdout)
    return report, {one["agent"]: one for one in report["agents"]}


@pytest.mark.parametrize("ask", [(), ("--ask",)])
def test_each_agent_has_its_figures_and_the_machine_its_limits(small, ask):
    """Law: what was sent was handled, by the agent and by the one behind it, told or asked; a pool is one row."""
    report, agents = benched(small, "--send", "adder=small.py:adds", "--count", "50", "--rate", "500", *ask)
    assert (report["ended"], report["sent"], report["rate"], report["is_ask"]) == ("count", 50, 500.0, bool(ask))
    assert report["seconds"] >= 49 / 500
    assert set(agents) == {"adder", "office/keeper"}
    for one in agents.values():
        assert (one["messages"], one["failed"], one["restarts"], one["undelivered"]) == (50, 0, 0, {})
        assert 0 < one["p50_us"] <= one["p99_us"] <= one["max_us"]
        assert 0 < one["per_s"] <= 50 / (49 / 500) * 1.01
    limits = report["limits"]
    assert limits["processors"] >= 1
    assert min(limits["hand_offs_per_s"], limits["messages_per_s"], limits["commits_per_s"]) > 0


def test_several_generators_end_by_themselves_and_the_database_keeps_what_they_did(small):
    """Law: without a count it ends with the generators; --db is where durable state goes, and a nested agent has an id."""
    sends = ("--send", "adder=small:ten", "--send", "keeper=small.py:ten")
    report, agents = benched(small, *sends, "--db", "small.db")
    assert (report["ended"], report["sent"], report["rate"]) == ("items", 20, None)
    assert (agents["adder"]["messages"], agents["office/keeper"]["messages"]) == (10, 20)
    assert (small.folder / "small.db").exists()
    assert not list(small.folder.glob("dagger-actors-bench-*"))


@pytest.mark.parametrize("ask", [(), ("--ask",)])
def test_failures_are_counted_not_hidden(small, ask):
    """Law: a handler that raised has handled its message and failed; its restart is told."""
    _, agents = benched(small, "--send", "adder=small.py:one_bad", *ask)
    assert (agents["adder"]["messages"], agents["adder"]["failed"], agents["adder"]["restarts"]) == (3, 1, 1)
    assert agents["office/keeper"]["messages"] == 2


def test_a_time_ends_it_and_the_warm_up_is_not_counted(small, typed, patient):
    """Law: as many messages as the rate gives in the time that is measured; the table says so."""
    timed = ("--rate", "200", "--duration", "0.2", "--warmup", "0.1")
    status, out, err = typed("bench", "small.yaml", "--send", "adder=small.py:adds", *timed)
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("small.yaml: 40 messages sent in ")
    assert "200 a second asked for" in lines[0]
    assert lines[2].split() == ["agent", "messages", "per", "s", "p50", "p99", "max", "failed", "restarts"]
    assert [line.split()[:2] for line in lines[3:5]] == [["adder", "40"], ["office/keeper", "40"]]
    for part in (
        "limits of this machine: ",
        f"switch interval {sys.getswitchinterval() * 1e3:g} ms",
        "hand-offs between two threads",
        "commits of one row",
    ):
        assert part in out


def test_a_system_that_gives_up_ends_with_1_the_reason_and_what_was_seen(small):
    """Law: the report so far is on stdout; the log of a thousand failures is not on stderr."""
    done = small("bench", "small.yaml", "--send", "adder=small.py:bad")
    assert done.returncode == 1
    assert "the system has stopped" in done.stderr
    assert done.stderr.count("too small") < 12
    assert "; the system gave up" in done.stdout
    assert "undelivered: adder: " in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), ("nothing is to be sent", "--send AGENT=file.py:items")),
        (("--send", "adder"), ("--send 'adder' is not AGENT=file.py:items",)),
        (("--send", "addr=small.py:adds"), ("small.yaml has no agent 'addr'", "did you mean 'adder'?")),
        (("--send", "x=small.py:adds"), ("small.yaml has no agent 'x'", "it has: adder, keeper")),
        (("--send", "adder=small.py:add"), ("there is no generator 'add' in 'small.py'",)),
        (("--send", "adder="), ("--send 'adder=' is not AGENT=file.py:items",)),
        (("--send", "=small.py:adds"), ("--send '=small.py:adds' is not AGENT=file.py:items",)),
        (("--send", "adder=small.py:NUMBERS"), ("there is no generator 'NUMBERS' in 'small.py'",)),
        (("--send", "adder=small.py"), ("'small.py' names a module, but no generator",)),
        (("--send", "adder=smal.py:adds"), ("there is no file 'smal.py'",)),
        (("--send", "adder=small.py:none"), ("small.py:none yields no items",)),
        (("--send", "adder=small.py:number"), ("small.py:number gives no items, but an int",)),
        (("--send", "adder=small.py:raising"), ("small.py:raising raised LookupError: no more (", "small.py:")),
        (
            ("--send", "adder=small.py:others"),
            ("small.py:others yields an Other, which agent 'adder' does not handle", "It handles: Add."),
        ),
        (
            ("--send", "adder=small.py:unsendable"),
            ("small.py:unsendable: a message of class Add cannot be sent", "Yield messages that the agent can take."),
        ),
        (("--send", "adder=small.py:adds") * 101, ("101 times --send are too many", "give 100 at most")),
        (("--send", "adder=small.py:adds", "--rate", "0"), ("--rate is more than 0, not 0", "as fast as it goes")),
        (("--send", "adder=small.py:adds", "--rate", "-5"), ("--rate is more than 0, not -5",)),
        (("--send", "adder=small.py:adds", "--rate", "nan"), ("--rate is more than 0, not nan",)),
        (("--send", "adder=small.py:adds", "--count", "0"), ("--count is more than 0, not 0",)),
        (("--send", "adder=small.py:adds", "--duration", "0"), ("--duration is more than 0, not 0", "the default")),
        (("--send", "adder=small.py:adds", "--duration", "inf"), ("--duration is more than 0, not inf",)),
        (("--send", "adder=small.py:adds", "--warmup", "inf"), ("--warmup is 0 seconds or more, not inf",)),
        (("--send", "adder=small.py:adds", "--warmup", "-1"), ("--warmup is 0 seconds or more, not -1",)),
    ],
)
def test_what_cannot_be_measured_is_refused_with_advice(small, words, told, capfd, monkeypatch):
    """Law: one sentence on what is wrong, one on what to do, status 2, and no report."""
    monkeypatch.chdir(small.folder)
    status = main(["bench", "small.yaml", *words])
    shown = capfd.readouterr()
    assert (status, shown.out) == (2, ""), shown.err
    # What was sent before may be handled while its system is left, and fail for that: its log lines come first.
    said = shown.err[shown.err.find("dagger-actors: ") :]
    assert len(said.splitlines()) == 2, shown.err
    for part in told:
        assert part in said, shown.err


def test_ctrl_c_ends_it_with_the_report_so_far(small):
    """Law: status 130, and what was measured until then is told."""
    process = small.start("bench", "small.yaml", "--send", "adder=small.py:told", "--rate", "100", "--duration", "600")
    assert process.stdout is not None
    assert process.stdout.readline() == "twenty\n"
    process.send_signal(signal.SIGINT)
    shown, told = process.communicate(timeout=COMMAND_S)
    assert process.returncode == 130, told
    assert "; interrupted\n" in shown
    assert "limits of this machine" in shown


def test_a_folder_that_takes_no_second_file_costs_no_report(small, capfd, monkeypatch):
    """Law: the limit of commits is left out, and why is told; everything else is there."""

    def refuse(*_words, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(small.folder)
    monkeypatch.setattr(machine, "open_writer", refuse)
    status = main(["bench", "small.yaml", "--send", "adder=small.py:ten", "--db", "small.db"])
    shown = capfd.readouterr()
    assert status == 0
    assert f"commits cannot be measured in {small.folder}: [Errno 28] No space left on device" in shown.err
    assert "hand-offs" in shown.out
    assert "commits of one row" not in shown.out


def test_the_readmes_bench_runs(typed, repository, monkeypatch, patient):
    """Law: the command, copied as it stands, measures the shop."""
    lines = (repository / "README.md").read_text().splitlines()
    (line,) = [one for one in lines if "$ dagger-actors bench specs/shop" in one]
    monkeypatch.chdir(repository)
    status, out, err = typed(*line.partition("dagger-actors ")[2].split())
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("specs/shop.yaml: 400 messages sent in ")
    assert [line.split()[:2] for line in lines[3:5]] == [["audit", "400"], ["pricer", "400"]]


# --- channels

DESK = """
system: desk
channels:
  orders: {type: "desk.py:Order"}
  ticks: {type: "desk.py:Order", ephemeral: true}
  narrow: {type: "desk.py:Order", capacity: 1, overflow: reject}
  unread: {type: "desk.py:Order"}
  made.*: {type: "desk.py:Order"}
agents:
  - {id: desk, class: "desk.py:Desk"}
  - {id: printer, class: "desk.py:Printer"}
  - {id: clock, class: "desk.py:Clock"}
  - {id: narrow, class: "desk.py:Narrow"}
"""
SUBSCRIBERS = """
import itertools, threading
import msgspec
from dagger_actors import Subscriber, TurnContext, subscribe

class Order(msgspec.Struct, frozen=True):
    customer: str
    cents: int

class Invoice(msgspec.Struct, frozen=True):
    customer: str
    total: int

class Account(msgspec.Struct):
    total: int = 0

class Desk(Subscriber):
    state: Account

    @subscribe("orders", key="customer", publishes="invoices", try_count=1)
    def bill(self, order: Order) -> Invoice:
        if order.cents < 0:
            raise ValueError("nothing to pay")
        self.state.total += order.cents
        return Invoice(order.customer, self.state.total)

class Clock(Subscriber):
    @subscribe("ticks", "made.*", order="none", publishes="unread")
    def tick(self, order: Order, ctx: TurnContext) -> None:
        if order.cents < 0:
            raise ValueError("no tick")
        if order.cents == 20:
            go.set()

class Printer(Subscriber):
    @subscribe("invoices", batch=10)
    def show(self, invoices: list[Invoice]) -> None: ...

go = threading.Event()

class Narrow(Subscriber):
    @subscribe("narrow")
    def hold(self, order: Order) -> None:
        open("gate").close()  # waits until somebody opens it for writing

def orders():
    for number in itertools.count():
        yield Order(f"c{number % 10}", number)

def told():
    for order in orders():
        if order.cents == 21:
            go.wait(30)  # until the twentieth is handled, which it may be already
            print("twenty", flush=True)
        yield order

def few():
    return [Order("a", 1), Order("a", -1), {"customer": "b", "cents": 2}]

def crowd():
    yield from [Order("a", 1)] * 5

def wrong():
    yield Order("a", 1)
    yield {"customer": 7}

def raising():
    yield Order("a", 1)
    raise LookupError("no more")
"""


@pytest.fixture
def desk(typed, monkeypatch):
    """Commands beside a system of subscribers; the machine's limits are measured for a moment alone."""
    monkeypatch.setattr(machine, "SPAN_S", 0.001)
    (typed.folder / "desk.yaml").write_text(DESK)
    (typed.folder / "desk.py").write_text(SUBSCRIBERS)

    def published(*words: str):
        report = typed.json("bench", "desk.yaml", *words)
        return report, {one["subscription"]: one for one in report["subscriptions"]}

    typed.published = published
    return typed


@pytest.mark.parametrize(("channel", "durable"), [("orders", True), ("ticks", False), ("made.now", True)])
@pytest.mark.parametrize("rate", [(), ("--rate", "500")])
def test_each_subscription_has_its_figures(desk, channel, durable, rate):
    """Law: what was published was handled, by each subscription and those behind it, from a durable channel or not."""
    report, rows = desk.published("--publish", f"{channel}=desk.py:orders", "--count", "50", *rate)
    assert (report["ended"], report["sent"], report["queued"], report["refused"]) == ("count", 50, 0, {})
    assert set(rows) == ({"desk.bill", "printer.show"} if channel == "orders" else {"clock.tick"})
    for one in rows.values():
        assert (one["messages"], one["failed"], one["given_up"]) == (50, 0, 0)
        assert 0 < one["p50_us"] <= one["p99_us"] <= one["max_us"]
    if rate:
        assert report["seconds"] >= 49 / 500
        assert all(0 < one["per_s"] <= 50 / (49 / 500) * 1.01 for one in rows.values())
    assert report["agents"] == []
    assert report["limits"]["commits_per_s"] > 0


@pytest.mark.parametrize(("channel", "subscription"), [("orders", "desk.bill"), ("ticks", "clock.tick")])
def test_a_turn_that_fails_is_counted_and_its_message_was_given_up(desk, channel, subscription):
    """Law: a failed try is none of the messages that were handled; plain data is published as what it fits."""
    report, rows = desk.published("--publish", f"{channel}=desk:few", "--rate", "1000")
    assert (report["ended"], report["sent"]) == ("items", 3)
    one = rows[subscription]
    assert (one["messages"], one["failed"], one["given_up"]) == (2, 1, 1)


@pytest.mark.parametrize("rate", [(), ("--rate", "10000")])
def test_what_a_full_channel_refuses_is_told_and_is_not_among_what_was_sent(desk, rate, monkeypatch):
    """Law: a channel that rejects has taken as many as it has room for."""
    refuse, count = Meter.refused, 0

    def refused(meter: Meter, *words: Any) -> None:
        nonlocal count
        refuse(meter, *words)
        count += 1
        if count % 4 == 0:  # all but the first, which is in hand
            os.close(os.open("gate", os.O_WRONLY))

    monkeypatch.setattr(Meter, "refused", refused)
    os.mkfifo("gate")
    report, rows = desk.published("--publish", "narrow=desk.py:crowd", *rate)
    assert (report["sent"], report["refused"], rows["narrow.hold"]["messages"]) == (1, {"narrow": 4}, 1)
    status, out, _ = desk("bench", "desk.yaml", "--publish", "narrow=desk.py:crowd", *rate)
    assert status == 0
    assert "no room: the channel narrow has refused 4 messages\n" in out


def test_the_database_keeps_what_was_published_and_the_warm_up_is_not_counted(desk, patient):
    """Law: what lies in the file from another bench is handled and not measured."""
    words = (
        "--publish",
        "orders=desk.py:orders",
        "--rate",
        "200",
        "--duration",
        "0.2",
        "--warmup",
        "0.1",
        "--db",
        "kept.db",
    )
    status, out, err = desk("bench", "desk.yaml", *words)
    assert status == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("desk.yaml: 40 messages sent in ")
    assert lines[2].split() == ["subscription", "messages", "per", "s", "p50", "p99", "max", "failed", "given", "up"]
    assert [line.split()[:2] for line in lines[3:5]] == [["desk.bill", "40"], ["printer.show", "40"]]
    (channel,) = [one for one in desk.json("channels", "--db", "kept.db") if one["name"] == "orders"]
    assert channel["next_offset"] == 60
    _, rows = desk.published("--publish", "orders=desk.py:few", "--db", "kept.db")
    assert rows["desk.bill"]["messages"] == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("orders",), ("--publish 'orders' is not CHANNEL=file.py:items",)),
        (("order=desk.py:orders",), ("desk.yaml has no channel 'order'", "did you mean 'orders'?")),
        (
            ("x=desk.py:orders",),
            ("desk.yaml has no channel 'x'", "it has: orders, ticks, narrow, unread, invoices, made.*"),
        ),
        (("made.*=desk.py:orders",), ("'made.*' stands for many channels",)),
        (("unread=desk.py:orders",), ("no subscription of desk.yaml reads the channel 'unread'",)),
        (("orders=desk.py:nothing",), ("there is no generator 'nothing' in 'desk.py'",)),
        (("orders=desk.py:wrong",), ("desk.py:wrong: the channel 'orders' does not take this message", "$.customer")),
        (
            ("orders=desk.py:wrong", "--rate", "100"),
            ("desk.py:wrong: the channel 'orders' does not take", "$.customer"),
        ),
        (("ticks=desk.py:wrong",), ("desk.py:wrong: the channel 'ticks' does not take this message",)),
        (("orders=desk.py:raising",), ("desk.py:raising raised LookupError: no more (",)),
        (("orders=desk.py:raising", "--rate", "100"), ("desk.py:raising raised LookupError: no more (",)),
        (("orders=desk.py:orders", "--ask"), ("--ask is for --send",)),
        (
            ("orders=desk.py:orders",) + ("--publish", "orders=desk.py:orders") * 100,
            ("101 times --publish are too many",),
        ),
    ],
)
def test_what_cannot_be_published_is_told_and_what_to_do(desk, words, told):
    """Law: status 2, the reason, and nothing on stdout."""
    status, out, err = desk("bench", "desk.yaml", "--publish", *words)
    assert (status, out) == (2, "")
    err = " ".join(err.split())
    assert all(part in err for part in told), err


@pytest.mark.parametrize("rate", [(), ("--rate", "2000")])
def test_ctrl_c_ends_the_publishing_and_tells_what_was_seen(desk, program, rate):
    """Law: 130, and the report so far."""
    process = program.start("bench", "desk.yaml", "--publish", "ticks=desk.py:told", *rate, "--duration", "60")
    assert process.stdout is not None
    assert process.stdout.readline() == "twenty\n"
    process.send_signal(signal.SIGINT)
    shown, told = process.communicate(timeout=COMMAND_S)
    assert process.returncode == 130, told
    assert "; interrupted\n" in shown
    assert "clock.tick" in shown


def test_the_readmes_bench_of_the_review_board_runs(program, repository):
    """Law: the command, copied as it stands, measures every subscription of the board."""
    lines = (repository / "README.md").read_text().splitlines()
    (line,) = [one for one in lines if "$ dagger-actors bench specs/review" in one]
    shutil.copytree(repository / "specs", program.folder / "specs")
    done = program(*line.partition("dagger-actors ")[2].split(), "--json")
    assert done.returncode == 0, done.stderr
    rows = {one["subscription"]: one for one in msgspec.json.decode(done.stdout)["subscriptions"]}
    assert rows["reader.open"]["messages"] == rows["reader.read"]["messages"] == 5
    assert set(rows) >= {"complexity.review", "naming.review", "editor.add", "press.print"}
