"""The agents of ``shop.yaml``: customers order, a pricer prices, an audit keeps the sum."""

from __future__ import annotations

import msgspec

from dagger_actors import Actor, ActorContext, handler


class Order(msgspec.Struct, frozen=True):
    """A customer wants something."""

    customer: str
    item: str
    count: int


class Priced(msgspec.Struct, frozen=True):
    """What an order costs."""

    order: Order
    price: float


class Totals(msgspec.Struct, frozen=True):
    """Ask for the audit's totals."""


class Arrive(msgspec.Struct, frozen=True):
    """The next customer comes in."""


class Pricing(msgspec.Struct, frozen=True):
    """How a pricer prices."""

    rate: float = 1.0


class Ledger(msgspec.Struct):
    """What the audit knows: turnover by customer."""

    turnover: dict[str, float] = msgspec.field(default_factory=dict)
    orders: int = 0


class Visits(msgspec.Struct, frozen=True):
    """How many customers come, and how fast."""

    customers: int = 100
    every_s: float = 0.01


class Pricer(Actor):
    """Prices orders and tells the audit; nobody can order nothing."""

    config: Pricing

    @handler
    def price(self, order: Order, ctx: ActorContext) -> float:
        """Price one order."""
        if order.count < 1:
            raise ValueError(f"{order.customer} orders {order.count} of {order.item}")
        price = order.count * self.config.rate
        ctx.find("audit").tell(Priced(order, price))
        return price


class Audit(Actor, durable=True):
    """Keeps the sums, from one `up` to the next on the same --db."""

    state: Ledger

    @handler
    def note(self, priced: Priced) -> None:
        """Add one priced order."""
        customer = priced.order.customer
        self.state.turnover[customer] = self.state.turnover.get(customer, 0.0) + priced.price
        self.state.orders += 1

    @handler
    def totals(self, _ask: Totals) -> dict[str, float]:
        """Tell the turnover by customer."""
        return self.state.turnover


class Door(Actor):
    """Lets customers in, one by one; each seventh wants nothing."""

    config: Visits

    def started(self, ctx: ActorContext) -> None:
        """Open."""
        self.visits = 0
        ctx.timers.every("door", self.config.every_s, Arrive())

    @handler
    def arrive(self, _arrival: Arrive, ctx: ActorContext) -> None:
        """Send the next customer to a pricer."""
        self.visits += 1
        ctx.find("pricer").tell(Order(f"customer {self.visits % 10}", "tea", self.visits % 7))
        if self.visits >= self.config.customers:
            ctx.timers.cancel("door")
