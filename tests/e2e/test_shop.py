"""The shop of ``specs/shop.yaml``, tested as its owner would: each agent by itself, all together, and through crashes.

A model to copy: it uses nothing but the public test kit.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dagger_actors import ChildSpec
from dagger_actors.testing import Outcomes, Probe, Simulation, explore, load, plugin

sim = plugin.sim  # users have this one by themselves; here a conftest has another of the same name
SPECS = Path(__file__).parents[2] / "specs"
shop = load(SPECS / "shop.py")
TEA = shop.Order("Ada", "tea", 4)


@pytest.mark.parametrize("dagger_seed", range(3))
def test_a_pricer_prices_an_order_and_tells_the_audit_once(sim: Simulation) -> None:
    system = sim.system(agents=[ChildSpec(shop.Pricer, "pricer", shop.Pricing(rate=1.5))])
    audit = Probe(system, "audit")  # in the place of the real one
    assert system.actors["pricer"].ask(TEA) == 6.0
    assert audit.expect(shop.Priced) == shop.Priced(TEA, 6.0)
    audit.expect_silence(3600)


def test_who_orders_nothing_is_told_and_the_next_order_is_priced(sim: Simulation) -> None:
    system = sim.system(agents=[ChildSpec(shop.Pricer, "pricer", shop.Pricing(rate=1.5))])
    audit = Probe(system, "audit")
    audit.ask(system.actors["pricer"], shop.Order("Bob", "tea", 0))
    audit.ask(system.actors["pricer"], TEA)
    assert "Bob orders 0 of tea" in str(audit.expect(ValueError))
    audit.expect(shop.Priced(TEA, 6.0), skip_others=True)
    assert audit.expect(float) == 6.0


def test_the_door_lets_a_customer_in_every_so_often_and_then_closes(sim: Simulation) -> None:
    system = sim.system()
    pricer = Probe(system, "pricer")
    system.actors.start(ChildSpec(shop.Door, "door", shop.Visits(customers=3, every_s=60)))
    pricer.expect_silence(59)
    orders = pricer.expect_in_order(shop.Order, shop.Order, shop.Order, within_s=121)
    assert [order.count for order in orders] == [1, 2, 3]
    assert sim.now_s == 180
    pricer.expect_silence(3600)


@pytest.mark.parametrize("dagger_seed", range(3))
def test_the_whole_shop_survives_pricers_that_are_slow_and_break_down(sim: Simulation) -> None:
    price = Outcomes(*[10.0, ConnectionError("no price list")] * 50)
    pricing = sim.stub_handler(shop.Pricer, shop.Order, returns=price, takes_s=0.5)
    system = sim.system(spec=SPECS / "shop.yaml")
    sim.run()
    assert len(pricing.calls) == 100
    assert {call.actor for call in pricing.calls} <= {f"pricer-{number}" for number in range(1, 5)}
    assert max(call.incarnation for call in pricing.calls) > 1
    assert system.actors["audit"].ask(shop.Totals()) == {}  # the stub prices, and tells nobody
    assert not system.actors.undelivered()


def the_ledger_is_right(sim: Simulation) -> None:
    """Three orders are noted, each once, though the program is started again whenever its process has died."""

    def day(system):
        audit = system.actors["audit"]
        for customer in ("Ada", "Bob", "Eve"):
            if customer not in audit.ask(shop.Totals()):
                audit.ask(shop.Priced(shop.Order(customer, "tea", 2), 3.0))
        return audit.ask(shop.Totals())

    turnover = sim.keep_going(day, agents=[ChildSpec(shop.Audit, "audit")])
    assert turnover == {"Ada": 3.0, "Bob": 3.0, "Eve": 3.0}


def test_the_ledger_is_right_wherever_a_process_dies() -> None:
    explored = explore(the_ledger_is_right, seeds=3, crash="every_commit")
    assert explored.commits >= 3
