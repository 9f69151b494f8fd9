"""Subscribers whose handlers do what no handler should."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import threading
from typing import Any

import msgspec

from dagger_actors import Channel, RetryPolicy, Subscriber, subscribe
from dagger_actors.pubsub.turns.context import TurnContext

ONCE = RetryPolicy(tries=1)
LATE_S = 2.0
PATIENCE_S = 60.0
"""No turn that ends is given up for its time: it counts from the grant, and this machine may be busy."""

never = threading.Event()
"""Set when the test is over: what never ends must not keep the process."""


class Order(msgspec.Struct, frozen=True):
    """What a handler is to do."""

    who: str
    how: str


class Seen(msgspec.Struct):
    """What came to pass for one key."""

    orders: list[str] = []


def misbehave(how: str) -> None:
    """Do it, unless it is fine."""
    match how:
        case "exits":
            sys.exit(3)
        case "os._exit":
            os._exit(3)
        case "segfault":
            ctypes.string_at(0)
        case "interrupts":
            raise KeyboardInterrupt
        case "generator exit":
            raise GeneratorExit
        case "cancelled":
            raise asyncio.CancelledError
        case "floods":
            for _ in range(200):
                sys.stdout.write("x" * 10_000 + "\n")
        case "holds the interpreter":
            ctypes.PyDLL(None).usleep(round(LATE_S * 1.1e6))


class OnAThread(Subscriber):
    """Its turns are calls."""

    state: Seen

    @subscribe("orders", key="who", retry=ONCE, timeout_s=PATIENCE_S)
    def take(self, order: Order) -> Any:
        """Do as told, behind a change of state."""
        self.state.orders.append(order.how)
        misbehave(order.how)

    @subscribe("late", key="who", retry=ONCE, timeout_s=LATE_S)
    def take_late(self, order: Order) -> Any:
        """The same; it may never end."""
        self.state.orders.append(order.how)
        if order.how == "never ends":
            never.wait(PATIENCE_S)
        misbehave(order.how)


class OnTheLoop(Subscriber):
    """Its turns are coroutines."""

    state: Seen

    @subscribe("orders", key="who", retry=ONCE, timeout_s=PATIENCE_S)
    async def take(self, order: Order) -> Any:
        """Do as told, behind a change of state."""
        self.state.orders.append(order.how)
        misbehave(order.how)

    @subscribe("late", key="who", retry=ONCE, timeout_s=LATE_S)
    async def take_late(self, order: Order) -> Any:
        """The same; it never ends."""
        self.state.orders.append(order.how)
        await asyncio.Event().wait()


class InBatches(Subscriber):
    """Takes many at once."""

    @subscribe("orders", retry=ONCE, batch=100)
    def take(self, orders: list[Order], ctx: TurnContext) -> None:
        """Do as told, one after the other."""
        for order in orders:
            ctx.execute("INSERT INTO done VALUES (?)", (order.how,))
            misbehave(order.how)


class Result(Subscriber):
    """Publishes what nobody can store."""

    @subscribe("wishes", publishes="results", retry=ONCE)
    def give(self, wish: str) -> Any:
        """Give it."""
        match wish:
            case "an object":
                return object()
            case "a lone surrogate":
                return "\ud800"
            case "a cycle":
                ring: list[Any] = []
                ring.append({"ring": ring})
                return {"ring": ring}
        return wish


CHANNELS = [Channel("orders", Order), Channel("late", Order)]
