"""Orders for ``shop.yaml`` under load: dagger-actors bench specs/shop.yaml --send pricer=shop_orders.py:orders."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from shop import Order


def orders() -> Iterator[Order]:
    """Let ten customers order without end, one to six pieces each."""
    for number in itertools.count():
        yield Order(f"customer {number % 10}", "tea", 1 + number % 6)
