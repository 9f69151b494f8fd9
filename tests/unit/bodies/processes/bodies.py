"""Actions that run in worker processes, in the crash tests too."""

import contextlib
import ctypes
import functools
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from dagger_actors import ArtifactRef, Context, Secret, action


@action
def who() -> int:
    return os.getpid()


@action
def facts(ctx: Context) -> dict[str, object]:
    return {"pid": os.getpid(), "session": os.getsid(0), "attempt": ctx.attempt, "key": ctx.idempotency_key}


@action
async def coroutine(word: str) -> str:
    return word * 2


@action
def large() -> list[int]:
    return list(range(20_000))


@action
def total(large: list[int]) -> int:
    return sum(large)


@action
def keep(ctx: Context) -> ArtifactRef:
    return ctx.save("kept", b"k" * 50_000)


@action
def fetch(keep: ArtifactRef, ctx: Context) -> int:
    return len(ctx.load(keep))


def note(path: str, text: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{text}\n")


@action
def stay(path: str) -> None:
    print("staying", flush=True)
    note(path, str(os.getpid()))
    time.sleep(60)


@action
def append(item: int, path: str, ctx: Context) -> int:
    note(path, f"{ctx.invocation_key}:{ctx.attempt}:{os.getpid()}")
    time.sleep(0.02)
    return item


@action
def crime(what: str) -> None:
    match what:
        case "sys.exit":
            sys.exit(3)
        case "os._exit":
            os._exit(7)
        case "segfault":
            print("last words", flush=True)
            ctypes.string_at(0)
        case "closed descriptors":
            os.closerange(3, 256)
        case "ends late":
            os.closerange(3, 256)
            time.sleep(0.3)
            os._exit(7)
        case "closed streams":
            os.closerange(0, 3)
        case "garbage":
            for descriptor in range(3, 64):
                with contextlib.suppress(OSError):
                    os.write(descriptor, b"\xff" * 100)
            time.sleep(60)
        case "group":
            os.killpg(0, signal.SIGKILL)
        case "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            assert bytearray(2 << 30)


@action
def flood() -> str:
    block = b"x" * 65_536
    for _ in range(1000):
        os.write(1, block)
    return "done"


@action
def endless_flood(path: str) -> None:
    note(path, str(os.getpid()))
    block = b"x" * 65_536
    while True:
        os.write(1, block)


@action
def holds_gil(path: str) -> None:
    """Sleeps in C without ever giving the interpreter lock away: no other thread of the process runs."""
    note(path, str(os.getpid()))
    ctypes.PyDLL(None).sleep(60)


@action
def gives(what: str) -> Any:
    match what:
        case "nan":
            return {"a": [float("nan")]}
        case "unserialisable":
            return lambda: 1
        case "too deep":
            return functools.reduce(lambda inner, _: [inner], range(100_000), 0)
        case "itself":
            found: list[Any] = []
            found.append(found)
            return found
        case "huge":
            return "x" * (64 << 20)
    return None


@action
def length(gives: str) -> int:
    return len(gives)


@action
def move() -> str:
    os.chdir("/")
    return "moved"


@action
def place() -> str:
    return str(Path.cwd())


@action
def daemon() -> int:
    return subprocess.Popen(["sleep", "60"]).pid


@action
def limit() -> int:
    return resource.getrlimit(resource.RLIMIT_AS)[0]


@action
def chatter(ctx: Context) -> None:
    print("out")
    ctx.log("logged")
    print("err", file=sys.stderr)
    print("last")


@action
def shout(what: str) -> None:
    print("before", flush=True)
    crime(what)


@action
def asks(token: Secret, path: str, ctx: Context) -> dict[str, object]:
    receipt = ctx.step("pay", paid, path)
    ctx.execute("INSERT INTO payments VALUES (?)", (len(token.reveal()),))
    ctx.cache.append("seen", ctx.node_id)
    return {"receipt": receipt, "rows": ctx.query("SELECT count(*) FROM payments"), "shown": str(token)}


@action
def reads(asks: Any, ctx: Context) -> list[object]:
    return [ctx.cache.get("seen"), ctx.query("SELECT * FROM payments")]


@action
async def asks_again(path: str, ctx: Context) -> object:
    return await ctx.astep("pay", apaid, path)


def paid(path: str) -> str:
    note(path, "paid")
    return "receipt"


async def apaid(path: str) -> str:
    return paid(path)


@action
def says(ctx: Context) -> list[object]:
    ctx.progress(1, 4)
    ctx.progress(4, 4)
    ctx.log("careful", level=logging.WARNING)
    ctx.save("note", "text", media_type="text/plain")
    return [ctx.query("SELECT ? || ?", ("a", "b")), ctx.cache.get("none", "default"), ctx.invocation_key]


@action
def tells(token: str, ctx: Context) -> None:
    ctx.log(f"it is {token}")
    print(f"so {token}", flush=True)
    raise ValueError(f"not {token}")


@action
def breaks_rule(ctx: Context) -> None:
    ctx.execute("DELETE FROM flow_runs")


@action
def wants(ctx: Context) -> object:
    return ctx.resource(Path)


@action
def lies() -> int:
    return "no number"  # type: ignore[return-value]


@action
def counted(item: int, path: str) -> int:
    note(path, str(item))
    return item
