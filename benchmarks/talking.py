"""What it costs to talk to actors: the same work done by ours and by pykka's, one right after the other."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from cast import Add, Cast, Send, Side, Token, Wiring, ours, theirs
from figures import Sample
from limits import hand_offs_s

__all__ = [
    "Sizes",
    "ask",
    "ask_by_hand_off",
    "bare",
    "fan_in",
    "fan_out",
    "fan_out_at_once",
    "pipelined",
    "ring",
    "tell",
]

PATIENCE_S = 120.0

SENDERS = 4
BURST = 100
"""Messages that a sender sends in one turn."""

RECEIVERS = 100
LINKS = 100
PIPELINE = 1_000
"""Asks that are open at once."""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much work the figures of actors do; targets hold for the default sizes only.

    Attributes:
        messages: Messages of tell, fan-in, fan-out, ring and pipelined asks.
        asks: Asks one by one.
        spawned: Actors of ours that are there at once.
        threads: Actors of pykka's that are there at once: each is a thread, so what they cost is scaled.
        million: Idle actors of the large figure.
        failures: Restarts.
        awaiting: Coroutines that await at once.
    """

    messages: int = 200_000
    asks: int = 20_000
    spawned: int = 100_000
    threads: int = 1_000
    million: int = 1_000_000
    failures: int = 5_000
    awaiting: int = 10_000


def tell(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """One outside caller sends to one actor."""
    return {"tell": _beside(folder, _tell, sizes.messages)}


def fan_in(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """Four actors send to one."""
    return {"fan_in": _beside(folder, _fan_in, sizes.messages)}


def fan_out(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """One actor sends each message to a hundred."""
    return {"fan_out": _beside(folder, partial(_fan_out, "caster"), sizes.messages)}


def fan_out_at_once(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """The same through ``tell_all``, which encodes a message once."""
    return {"fan_out_at_once": _beside(folder, partial(_fan_out, "caster_at_once"), sizes.messages)}


def ring(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """A token goes round a ring of a hundred actors."""
    return {"ring": _beside(folder, _ring, sizes.messages // 2)}


def ask(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """An outside caller asks an idle actor, waits, asks again."""
    return {"ask": _beside(folder, _ask, sizes.asks)}


def ask_by_hand_off(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """The same when the handler has a thread of its own, as it may block."""
    return {"ask_by_hand_off": _beside(folder, _ask_by_hand_off, sizes.asks)}


def pipelined(folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """An outside caller keeps a thousand asks of one actor open."""
    return {"ask_pipelined": _beside(folder, _pipelined, sizes.messages)}


def bare(_folder: Path, sizes: Sizes) -> dict[str, Sample]:
    """The machine's own limits: the wire and a queue in one thread, and hand-offs between two."""
    count = sizes.messages
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(Add).decode
    queue: deque[bytes] = deque()
    total = 0
    began = time.perf_counter()
    for number in range(count):
        queue.append(encode(Add(number)))
        total += decode(queue.popleft()).number
    wire_s = time.perf_counter() - began
    return {
        "bare_wire": Sample(value=count / wire_s),
        "bare_hand_offs": Sample(value=sizes.asks / hand_offs_s(sizes.asks)),
    }


Work = Callable[[Any, int], float]


def _beside(folder: Path, work: Work, count: int) -> Sample:
    with theirs() as peers:
        limit_cpu = time.process_time()
        limit = count / work(peers, count)
        limit_cpu = time.process_time() - limit_cpu
    with ours(folder) as mine:
        work(mine, min(count, 1_000))  # so that threads and caches are there
        cpu = time.process_time()
        value = count / work(mine, count)
        cpu = time.process_time() - cpu
        return Sample(value=value, limit=limit, cpu_s=cpu, limit_cpu_s=limit_cpu)


def _tell(side: Side, count: int) -> float:
    done = threading.Event()
    counter = side.start("counter", Wiring(until=count, done=done))
    began = time.perf_counter()
    for number in range(count):
        counter.tell(Add(number))
    _wait(done)
    return time.perf_counter() - began


def _fan_in(side: Side, count: int) -> float:
    done = threading.Event()
    each = max(1, count // SENDERS // BURST) * BURST
    counter = side.start("counter", Wiring(until=each * SENDERS, done=done))
    senders = [side.start("sender", Wiring(to=[counter])) for _ in range(SENDERS)]
    began = time.perf_counter()
    for _ in range(each // BURST):
        for sender in senders:
            sender.tell(Send(BURST))
    _wait(done)
    return time.perf_counter() - began


def _fan_out(role: str, side: Side, count: int) -> float:
    casts = max(1, count // RECEIVERS)
    events = [threading.Event() for _ in range(RECEIVERS)]
    caster = side.start(role, Wiring(to=[side.start("counter", Wiring(until=casts, done=done)) for done in events]))
    began = time.perf_counter()
    for number in range(casts):
        caster.tell(Cast(number))
    for done in events:
        _wait(done)
    return time.perf_counter() - began


def _ring(side: Side, count: int) -> float:
    done = threading.Event()
    nexts: list[list[Any]] = [[] for _ in range(LINKS)]
    links = [side.start("link", Wiring(to=to, done=done)) for to in nexts]
    for at, to in enumerate(nexts):
        to.append(links[(at + 1) % LINKS])
    began = time.perf_counter()
    links[0].tell(Token(count))
    _wait(done)
    return time.perf_counter() - began


def _ask(side: Side, count: int) -> float:
    return _ask_of(side.start("counter", Wiring()), count)


def _ask_by_hand_off(side: Side, count: int) -> float:
    return _ask_of(side.start("on_thread", Wiring()), count)


def _ask_of(ref: Any, count: int) -> float:
    began = time.perf_counter()
    for number in range(count):
        assert ref.ask(Add(number)) == number + 1
    return time.perf_counter() - began


def _pipelined(side: Side, count: int) -> float:
    counter = side.start("counter", Wiring())
    began = time.perf_counter()
    for first in range(0, count, PIPELINE):
        numbers = range(first, min(first + PIPELINE, count))
        replies = [counter.ask(Add(number), block=False) for number in numbers]
        assert all(reply.get(timeout=PATIENCE_S) == number + 1 for number, reply in zip(numbers, replies, strict=True))
    return time.perf_counter() - began


def _wait(done: threading.Event) -> None:
    if not done.wait(PATIENCE_S):
        raise SystemExit(f"a benchmark did not end within {PATIENCE_S:g} s")
