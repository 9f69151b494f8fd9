"""Actor classes, configs and answers that cannot be: told as early as they can be seen, with what to write."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from dagger_actors import (
    Actor,
    ActorClassError,
    ActorContext,
    ActorSystem,
    ChildSpec,
    ConfigRefused,
    DefinitionError,
    MessageRefused,
    SupervisorFailed,
    handler,
)
from dagger_actors.testing.simulation import Simulation


class Hello(msgspec.Struct, frozen=True):
    pass


class Greeter(Actor):
    @handler
    def hello(self, hello: Hello) -> str:
        return "hello"


class Plain:
    pass


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize("kind", [Plain, Text, ValueError])
def test_a_handler_of_a_class_that_cannot_be_sent_is_refused(kind: type) -> None:
    """Law: no message of it could ever come; its author is told what to make it."""
    with pytest.raises(ActorClassError, match=rf"Taking.take: .*class {kind.__name__}\(msgspec.Struct"):

        class Taking(Actor):
            @handler
            def take(self, message: kind) -> None: ...  # type: ignore[valid-type]


@pytest.mark.parametrize("name", ["started", "stopping", "pre_restart", "unhandled"])
def test_a_hook_that_cannot_be_called_is_refused(name: str) -> None:
    """Law: when the class is made, with how it is written."""

    def hook(self: object) -> None: ...

    with pytest.raises(ActorClassError, match=rf"Hooked.{name}: write def {name}\(self, .*ctx\)"):
        type("Hooked", (Actor,), {name: hook})


def test_a_hook_may_have_more_parameters_with_defaults() -> None:
    """Law: what can be called is not refused."""

    class Hooked(Actor):
        def started(self, context: ActorContext, *more: int, loud: bool = False) -> None: ...

        async def stopping(self, *args: Any) -> None: ...

    assert Hooked.traits.hooks == {"started", "stopping"}


def test_a_class_that_wants_arguments_is_refused_when_one_is_made_and_serves_as_a_base(sim: Simulation) -> None:
    """Law: at its start, by spawn or by its supervisor; a subclass that gives them is fine, and others are not disturbed."""

    class Base(Greeter):
        def __init__(self, name: str) -> None:
            self.greeted = name

    class Given(Base):
        def __init__(self) -> None:
            super().__init__("you")

    system = sim.system(agents=[Greeter, Given])
    with pytest.raises(
        ActorClassError, match=r"Base.__init__: it is called without parameters; .*`config: SomeStruct`"
    ):
        system.actors.spawn(Base)
    with pytest.raises(SupervisorFailed, match=r"Base.__init__: it is called without parameters"):
        sim.system(agents=[ChildSpec(Base, "base")])
    for name in ("greeter", "given"):
        assert system.actors[name].ask(Hello()) == "hello"


class Wanting(Greeter):
    def __init__(self, name: str) -> None:
        self.greeted = name


def test_a_file_with_a_class_that_wants_arguments_is_bad() -> None:
    """Law: as any class that cannot be used: told with the rest, before anything starts."""
    agents = [{"id": name, "class": f"{__name__}:{name}"} for name in ("Wanting", "Nobody")]
    with pytest.raises(DefinitionError, match=r"(?s)`__init__` of 'Wanting' .* has parameters.*no class 'Nobody'"):
        ActorSystem.from_spec({"system": "bad", "agents": agents})


@pytest.mark.parametrize("cls", ["greeter", Plain, Greeter(), None])
def test_what_is_no_actor_class_cannot_be_spawned(sim: Simulation, cls: Any) -> None:
    """Law: it is named, and nothing of it is left."""
    system = sim.system(agents=[Greeter])
    with pytest.raises(ActorClassError, match="an Actor class is wanted"):
        system.actors.spawn(cls, name="x")
    system.actors.spawn(Greeter, name="x")
    assert system.actors["greeter"].ask(Hello()) == "hello"


class Colour(enum.Enum):
    RED = "red"


class Brush(msgspec.Struct, frozen=True, tag=True):
    width: float = 1.0


class Pen(msgspec.Struct, frozen=True, tag=True):
    width: float = 1.0


class Painting(msgspec.Struct, frozen=True):
    rate: float
    tools: tuple[Brush | Pen, ...] = ()
    colour: Colour = Colour.RED
    names: frozenset[str] = frozenset()
    blend: Callable[[int], int] | None = None


class Painter(Greeter):
    config: Painting


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"rat": 1.0}, [r"unknown key 'rat' \(Painting has rate", "the key `rate` is missing"]),
        ({"rate": 1.0, "x": 1}, ["unknown key 'x'"]),
        ({"rate": "fast", "colour": "blue"}, ["rate: Expected `float`, got `str`", "colour: Invalid enum value"]),
        ({"rate": 1.0, "tools": [{"type": "Pen", "depth": 1}]}, ["unknown key 'depth'"]),
        (None, ["the key `rate` is missing"]),
        (Painting(rate="fast"), [r"Expected `float`, got `str` - at `\$.rate`"]),  # type: ignore[arg-type]
        (Hello(), ["a Painting or a mapping is wanted, not Hello"]),
    ],
)
def test_a_config_that_does_not_fit_is_refused_with_all_that_is_wrong(
    sim: Simulation, config: Any, told: list[str]
) -> None:
    """Law: nothing in it is passed over, and a Struct that was made of other values is one that does not fit."""
    system = sim.system(agents=[Greeter])
    for text in told:
        with pytest.raises(ConfigRefused, match=text):
            system.actors.spawn(Painter, config)
        with pytest.raises(SupervisorFailed, match=text):
            sim.system(agents=[ChildSpec(Painter, config=config)])
    assert system.actors["greeter"].ask(Hello()) == "hello"


@pytest.mark.parametrize(
    "config",
    [
        {"rate": 1, "colour": "red", "tools": [{"type": "Brush"}], "names": ["a"]},
        {"rate": 1.0, "colour": Colour.RED},
        Painting(rate=1, tools=(Brush(), Pen()), names=frozenset("ab")),
        Painting(rate=1.0, blend=abs),
        Painting(rate=1.0, tools=[Brush()]),  # type: ignore[arg-type]
    ],
    ids=["plain", "a mapping of values", "a Struct", "with a function", "a list for a tuple"],
)
def test_a_config_that_fits_is_taken(sim: Simulation, config: Any) -> None:
    """Law: what cannot be encoded cannot be checked, and is the author's own."""
    painter = sim.system(agents=[ChildSpec(Painter, config=config)]).actors["painter"]
    assert painter.ask(Hello()) == "hello"


class Answer(msgspec.Struct, frozen=True):
    what: str


class Forgetful(Actor):
    @handler
    async def answer(self, answer: Answer, ctx: ActorContext) -> Any:
        if answer.what == "sleep":
            return asyncio.sleep(1)
        if answer.what == "ask":
            return ctx.find("greeter").ask(Hello())
        return Plain()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("sleep", r"answers with sleep\(\); there an `await` is missing"),
        ("ask", r"answers with Ref.ask or Ref.stop\(\); there an `await` is missing"),
        ("plain", "it is the answer of a handler: .*; make it a msgspec Struct"),
    ],
)
def test_an_answer_that_cannot_be_sent_is_told_with_what_to_write(sim: Simulation, what: str, told: str) -> None:
    """Law: a forgotten `await` is named as that; nobody else is disturbed, and the actor goes on."""
    system = sim.system(agents=[Greeter, Forgetful])
    with pytest.raises(MessageRefused, match=told):
        system.actors["forgetful"].ask(Answer(what))
    with pytest.raises(MessageRefused, match="make it a msgspec Struct"):
        system.actors["greeter"].tell(Plain())
    assert system.actors["greeter"].ask(Hello()) == "hello"
    assert system.actors.tree().children[1].restarts == 0


def test_a_class_is_described_once_for_all_configs_of_its_actors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: describing one takes ten times as long as all the rest of a spawn, and without a config it is not needed."""

    class Fresh(Greeter):
        config: Painting

    described: list[type] = []

    def describe(kind: type) -> Any:
        described.append(kind)
        return msgspec.inspect.type_info(kind)

    for module in ("traits", "config_check"):
        monkeypatch.setattr(f"dagger_actors.supervised.{module}.shape_of", describe)
    for _ in range(3):
        Fresh.traits.make_config(Painting(rate=1.0))
    assert described == []
    for _ in range(3):
        Fresh.traits.make_config({"rate": 1.0})
    assert described == [Painting]
