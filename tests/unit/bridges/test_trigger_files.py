"""``triggers`` in system files: wired with all else, told at their lines, drawn and validated."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagger_actors.bridges.from_file import wired_with_triggers
from dagger_actors.cli.graph import graph
from dagger_actors.cli.specs import validate
from dagger_actors.errors import DefinitionError
from dagger_actors.supervised.actor import Actor
from dagger_actors.supervised.files.resolving import load_and_resolve

SHOP = """
import msgspec
from dagger_actors import action, task_agent

class Order(msgspec.Struct):
    customer: str
    cents: int = 0

@task_agent
def bill(order: Order) -> int:
    print(f"billed {order.customer} {order.cents}\\n", end="", flush=True)
    return order.cents

@action
def ship(customer: str) -> str:
    print(f"shipped to {customer}\\n", end="", flush=True)
    return customer
"""
SHIPPING = """
name: shipping
actions: [shop.py]
inputs:
  customer: {type: str}
nodes:
  - {id: ship, action: ship, inputs: {customer: inputs.customer}}
"""
SYSTEM = """system: shop
channels:
  orders.eu: {type: "shop.py:Order"}
agents:
  - {id: bill, class: "shop.py:bill"}
triggers:
  - channel: orders.*
    task: bill
    filter: {field: cents, gt: 0}
  - {channel: orders.*, flow: shipping.yaml}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with code and a flow, which are loaded once."""
    found = tmp_path_factory.mktemp("shop")
    (found / "shop.py").write_text(SHOP)
    (found / "shipping.yaml").write_text(SHIPPING)
    return found


def write(folder: Path, text: str) -> Path:
    """Write a system file."""
    path = folder / "system.yaml"
    path.write_text(text)
    return path


def told(folder: Path, triggers: str) -> list[tuple[str, str]]:
    """What is told of a file with these triggers: line and column, message."""
    text = SYSTEM[: SYSTEM.index("triggers:")] + triggers
    with pytest.raises(DefinitionError) as caught:
        load_and_resolve(write(folder, text), Actor, lambda *found: wired_with_triggers(*found) and None)
    assert all(one.advice for one in caught.value.problems)
    return [(f"{one.line}:{one.column}", one.message) for one in caught.value.problems]


def test_a_file_with_triggers_is_valid_and_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: each trigger is a box between its channel and what it begins; its flow is found beside the file."""
    path = str(write(folder, SYSTEM))
    assert validate(path) == 0
    assert "system 'shop' is valid: 1 agent" in capsys.readouterr().out
    assert graph(path, format_="mermaid") == 0
    drawn = capsys.readouterr().out
    assert all(name in drawn for name in ("trigger#45;bill", "trigger#45;shipping", "shipping<br/>flow", "orders.eu"))


@pytest.mark.parametrize(
    ("triggers", "problems"),
    [
        ("triggers: [{channel: orders.*, task: bil}]", [("6:38", "trigger 'orders.*': task: there is no task agent 'bil'")]),
        ("triggers: [{channel: ordres.*, task: bill}]", [("6:22", "trigger 'ordres.*': channel: no subscriber publishes to ordres.*")]),
        ("triggers: [{channel: orders.*, flow: no.yaml}]", [("6:38", "trigger 'orders.*': flow: there is no file ")]),
        (
            "triggers: [{channel: orders.*, flow: shipping.yaml, inputs: {customer: cents}}]",
            [("6:72", "trigger 'orders.*': inputs.customer: cents is int, and the input 'customer' of the flow 'shipping'")],
        ),
        (
            "triggers: [{channel: orders.*, flow: shipping.yaml, inputs: {costumer: customer}}]",
            [
                ("6:61", "trigger 'orders.*': inputs: the flow 'shipping' needs the input 'customer'"),
                ("6:72", "trigger 'orders.*': inputs.costumer: the flow 'shipping' has no input 'costumer'"),
            ],
        ),
        (
            "triggers: [{channel: orders.*, task: bill, payload: customer}]",
            [("6:53", "trigger 'orders.*': payload: customer is str, and the task agent 'bill' takes Order")],
        ),
        (
            "triggers: [{channel: orders.*, task: bill, start: erliest, key: custmer}]",
            [("6:51", "trigger 'orders.*': start: it is earliest, latest, an offset from 0 or a time, not 'erliest'")],
        ),
        (
            "triggers: [{channel: orders.*, task: bill, key: custmer}]",
            [("6:49", "trigger 'orders.*': key: Order has no field 'custmer'")],
        ),
        (
            "triggers: [{channel: orders.*, task: bill}, {channel: orders.*, task: bill}]",
            [("6:45", "trigger 'orders.*': group: the trigger of the task bill at ")],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_trigger_is_told_at_its_line(
    folder: Path, triggers: str, problems: list[tuple[str, str]]
) -> None:
    """Law: at the key that says it, whether the file alone shows it or only what it names."""
    found = told(folder, triggers)
    assert [place for place, _ in found] == [place for place, _ in problems]
    for (_, message), (_, begins) in zip(found, problems, strict=True):
        assert message.startswith(begins)
