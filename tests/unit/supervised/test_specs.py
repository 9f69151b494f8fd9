"""Specifications of children: what cannot be is told where it is written, before anything is started."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from dagger_actors import (
    Actor,
    ActorClassError,
    ActorSystem,
    BackOff,
    ChildSpec,
    Supervisor,
    handler,
)
from dagger_actors.errors import DaggerError, InvalidSupervision
from dagger_actors.supervised import supervisor


class Hello(msgspec.Struct, frozen=True):
    pass


class Greeter(Actor):
    @handler
    def hello(self, hello: Hello) -> str:
        return "hello"


def test_a_class_alone_stands_for_its_specification_wherever_a_child_may_be(sim: Any) -> None:
    """Law: at the root, in a supervisor, and added later."""
    system = sim.system(agents=[Greeter, Supervisor("crew", (Greeter,))])
    system.actors.start(Supervisor("later", [Greeter]))
    for name in ("greeter", "crew/greeter", "later/greeter"):
        assert system.actors[name].ask(Hello()) == "hello"


@pytest.mark.parametrize(
    "children",
    [ChildSpec(Greeter), "greeter", 5, {"a": 1}, ["greeter"], [Greeter()], [dict], [None]],
    ids=["no list", "a text", "a number", "a mapping", "a name", "an instance", "no actor class", "nothing"],
)
def test_what_can_be_no_child_is_refused_where_it_is_written(children: Any) -> None:
    """Law: by its supervisor, by the system, and by a running one, each at once and with what it was given."""
    with pytest.raises(ActorClassError, match=r"its children are a list|a child is a ChildSpec"):
        Supervisor("crew", children)
    with pytest.raises(ActorClassError):
        ActorSystem(agents=children)
    with ActorSystem(agents=[Greeter]) as system:
        for child in children if isinstance(children, list) else [children]:
            if not isinstance(child, ChildSpec):
                with pytest.raises(ActorClassError):
                    system.actors.start(child)
        assert system.actors["greeter"].ask(Hello()) == "hello"


@pytest.mark.parametrize(
    "options",
    [
        {"actor": dict},
        {"actor": Greeter()},
        {"actor": "greeter"},
        {"id": 5},
        {"id": "a/b"},
        {"shutdown_s": "5"},
        {"shutdown_s": math.inf},
        {"shutdown_s": True},
        {"instances": "4"},
        {"instances": 2.0},
        {"route": "random"},
        {"route": "key"},
        {"backoff": 3},
        {"mailbox": 5},
        {"mailbox": {"capacity": 5}},
        {"restart": "always"},
        {"shutdown_s": -1},
    ],
    ids=lambda options: next(iter(options)) + f" {type(next(iter(options.values()))).__name__}",
)
def test_a_child_whose_fields_cannot_be_is_refused_at_once(options: dict[str, Any]) -> None:
    """Law: none of them keeps a system waiting for a start that never comes; what is not known is named."""
    with pytest.raises((ActorClassError, InvalidSupervision)):
        ActorSystem(agents=[ChildSpec(**{"actor": Greeter, **options})])


@pytest.mark.parametrize(
    "options",
    [{"intensity": "3"}, {"period_s": math.nan}, {"period_s": None}, {"shutdown_s": "x"}, {"backoff": 1.5}],
    ids=str,
)
def test_a_supervisor_whose_fields_cannot_be_is_refused_at_once(options: dict[str, Any]) -> None:
    """Law: the same."""
    with pytest.raises(ActorClassError):
        Supervisor("crew", [Greeter], **options)


@pytest.mark.parametrize("shutdown_s", [-1, "5", math.nan])
def test_a_time_to_stop_that_is_none_is_told_as_it_was_written(shutdown_s: Any) -> None:
    """Law: in the unit of whoever wrote it, of an actor and of a supervisor."""
    for make in (lambda: ChildSpec(Greeter, shutdown_s=shutdown_s), lambda: Supervisor("s", shutdown_s=shutdown_s)):
        with pytest.raises(
            ActorClassError, match=f"shutdown_s is {shutdown_s!r}; it is a number of seconds, 0 or more"
        ):
            make()


def test_a_back_off_without_end_is_refused() -> None:
    """Law: its numbers are numbers of seconds."""
    with pytest.raises(ActorClassError, match="max_s is a finite number, not inf"):
        BackOff(max_s=math.inf)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_supervisor_that_fails_by_itself_as_it_starts_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Law: a defect of ours ends a start too; nobody waits for one that is over."""

    class Defect(RuntimeError):
        pass

    def broken(*_args: object) -> None:
        raise Defect("broken")

    monkeypatch.setattr(supervisor, "core_child", broken)
    agents: Any = Greeter
    for level in range(depth):
        agents = Supervisor(f"s{level}", [agents])
    monkeypatch.setattr("dagger_actors.supervised.actors.START_S", 20.0)
    with pytest.raises((Defect, DaggerError), match="broken"):
        ActorSystem(agents=[agents])
