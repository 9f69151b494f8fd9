"""Each blocking verb has a twin for event loops, which takes the same and hands all of it on."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from dagger_actors import ActorSystem, Run
from dagger_actors.flow.artifacts.artifact_library import ArtifactLibrary
from dagger_actors.flow.verbs.flows import Flows

TWINS = [
    (kind, name[1:])
    for kind in (ActorSystem, Flows, Run, ArtifactLibrary)
    for name in dir(kind)
    if name.startswith("a") and hasattr(kind, name[1:]) and name != "aevents"
]
FOLLOWING = [(ActorSystem, "events"), (Flows, "events")]
"""Those whose twin is for ``async for``: it goes its own way."""


def parameters(kind: type, verb: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(kind, verb)).parameters)


def test_there_is_one_for_whatever_waits() -> None:
    """Law: the verbs that refuse to block a loop, and stopping."""
    assert {f"{kind.__name__}.{verb}" for kind, verb in TWINS} == {
        "ActorSystem.stop", "ActorSystem.run_until", "Flows.start", "Flows.fork", "Flows.resume", "Flows.retry", "Flows.pause",
        "Flows.cancel", "Flows.signal", "Flows.reject", "Run.pause", "Run.resume", "Run.cancel",
        "ArtifactLibrary.get", "ArtifactLibrary.list", "ArtifactLibrary.export", "ArtifactLibrary.put",
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "verb"), [*TWINS, *FOLLOWING])
def test_a_twin_takes_what_its_verb_takes(kind: type, verb: str) -> None:
    """Law: the same names, kinds and defaults."""
    assert parameters(kind, f"a{verb}") == parameters(kind, verb)


@pytest.mark.parametrize(("kind", "verb"), [twin for twin in TWINS if twin != (ActorSystem, "run_until")])
def test_a_twin_hands_on_whatever_it_is_given(kind: type, verb: str) -> None:
    """Law: no argument is dropped on the way, and the answer comes back."""
    given = {name: object() for name in parameters(kind, verb) if name != "self"}
    answer = object()
    bound = inspect.signature(getattr(kind, verb)).bind

    def told(self: Any, *args: Any, **keywords: Any) -> object:
        assert bound(self, *args, **keywords).arguments == {"self": self, **given}
        return answer

    one = type("Listening", (kind,), {"__init__": lambda self: None, verb: told})()
    assert asyncio.run(getattr(one, f"a{verb}")(**given)) is (None if verb == "stop" else answer)
