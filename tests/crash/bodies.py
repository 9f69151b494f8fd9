"""The actions of the crash tests: each writes down that it begins and that it ends, in one append each.

The log is the outside witness: a line is in the kernel as soon as ``write`` returns, and survives the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path

from dagger_actors import Context, action

_log = os.open(os.environ["BODY_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def note(mark: str, ctx: Context) -> None:
    os.write(_log, f"{mark} {ctx.node_id} {ctx.invocation_key or '-'} {ctx.attempt} {os.getpid()}\n".encode())


@action
def plain(n: int, ctx: Context) -> int:
    note("start", ctx)
    note("end", ctx)
    return n * 7 + 1


@action
async def coroutine(n: int, ctx: Context) -> int:
    note("start", ctx)
    note("end", ctx)
    return n * 7 + 2


@action
def slow(n: int, ctx: Context) -> int:
    note("start", ctx)
    time.sleep(0.001 + n % 4 * 0.001)
    note("end", ctx)
    return n * 7 + 3


@action
async def slow_coroutine(n: int, ctx: Context) -> int:
    note("start", ctx)
    await asyncio.sleep(0.001 + n % 4 * 0.001)
    note("end", ctx)
    return n * 7 + 4


@action
def flaky(n: int, ctx: Context) -> int:
    """Fails when it is tried first, and succeeds from then on."""
    note("start", ctx)
    note("end", ctx)
    if ctx.attempt == 1:
        raise ValueError(n)
    return n * 7 + 5


@action
def large(n: int, ctx: Context) -> str:
    """An output too large for a row: an artifact in the file, or a file of its own."""
    note("start", ctx)
    note("end", ctx)
    return "x" * (2_000 if n % 2 else 40_000) + str(n)


@action
def numbers(count: int, ctx: Context) -> list[int]:
    note("start", ctx)
    note("end", ctx)
    return list(range(count))


@action
def total(values: list[int], ctx: Context) -> int:
    note("start", ctx)
    note("end", ctx)
    return sum(values)


@action
def fills(path: str, ctx: Context) -> int:
    """Takes what room there is on the disk; nothing when it is tried again."""
    note("start", ctx)
    written = 0
    if ctx.attempt == 1:
        with contextlib.suppress(OSError), Path(path).open("wb", buffering=0) as file:
            while True:
                written += file.write(bytes(4096))
    note("end", ctx)
    return written


@action
def megabyte(n: int, ctx: Context) -> bytes:
    note("start", ctx)
    note("end", ctx)
    return n.to_bytes(1) * (1 << 20)


@action
def size_of(content: bytes) -> int:
    return len(content)


@action
def dies(how: str, path: str, ctx: Context) -> str:
    """Takes its whole process with it, until a file is there."""
    note("start", ctx)
    if not Path(path).exists():
        match how:
            case "os._exit":
                os._exit(7)
            case "segfault":
                ctypes.string_at(0)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "parent":
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(60)
    note("end", ctx)
    return "alive"


@action
def holds_gil(ctx: Context) -> None:
    """Sleeps in C without giving the interpreter lock away."""
    note("start", ctx)
    ctypes.PyDLL(None).sleep(60)


@action
def gated(path: str, ctx: Context) -> str:
    """Runs until a file is there, or until it is cancelled."""
    note("start", ctx)
    while not Path(path).exists() and not ctx.cancelled:
        time.sleep(0.002)
    note("end", ctx)
    return "open"


@action
def dozing(n: int, ctx: Context) -> int:
    note("start", ctx)
    time.sleep(0.04)
    note("end", ctx)
    return n


@action
async def ticking(n: int, ctx: Context) -> int:
    note("start", ctx)
    await asyncio.sleep(0.04)
    note("end", ctx)
    return n


@action
def burn(path: str, ctx: Context) -> int:
    """Computes in pure Python, without ever waiting, until a file is there or it is cancelled."""
    note("start", ctx)
    rounds = value = 0
    while True:
        for _ in range(20_000):
            value = (value * 31 + 7) % 1_000_003
        rounds += 1
        if ctx.cancelled or (rounds % 50 == 0 and Path(path).exists()):
            note("end", ctx)
            return value


@action
def fails(ctx: Context) -> None:
    note("start", ctx)
    note("end", ctx)
    raise ValueError("on purpose")


@action
def leaves_a_child(how: str, path: str, ctx: Context) -> int:
    """Starts a process that outlives this one, tells its id, then waits to be killed; does nothing when tried again."""
    note("start", ctx)
    if ctx.attempt == 1:
        write_whole(path, str(CHILDREN[how]()))
        while not ctx.cancelled:
            time.sleep(0.005)
    note("end", ctx)
    return 1


def write_whole(path: str, text: str) -> None:
    part = Path(path + ".part")
    part.write_text(text)
    part.rename(path)


def by_subprocess() -> int:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(["sleep", "300"], stdin=quiet, stdout=quiet, stderr=quiet).pid


def by_subprocess_with_open_files() -> int:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(["sleep", "300"], stdin=quiet, stdout=quiet, stderr=quiet, close_fds=False).pid


def by_multiprocessing() -> int:
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(300,))
    process.start()
    assert process.pid is not None
    return process.pid


def by_fork() -> int:
    child = os.fork()
    if child:
        return child
    try:
        time.sleep(300)
    finally:
        os._exit(0)


CHILDREN = {
    "subprocess": by_subprocess,
    "subprocess with open files": by_subprocess_with_open_files,
    "multiprocessing": by_multiprocessing,
    "fork": by_fork,
}
