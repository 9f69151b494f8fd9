"""Flows whose functions no other process could import: the system that was given them finds them for all runs of theirs."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

from dagger_actors import ActorSystem, DefinitionError, Flow, RunFailed, RunPaused
from dagger_actors.testing.simulation import Simulation


def scaling(factor: int) -> Callable[[int], int]:
    def step(value: int) -> int:
        return value * factor

    return step


def asking(factor: int, name: str = "asking") -> Flow:
    flow = Flow(name)
    asked = flow.approval("ok", "Scale it?")
    flow.node("scaled", scaling(factor), inputs={"value": 7}, dependencies=[asked])
    return flow


def test_a_run_goes_on_with_them_when_somebody_has_answered(sim: Simulation) -> None:
    system = sim.system()
    run = system.flows.start(asking(2))
    with pytest.raises(RunPaused):
        run.result()
    system.flows.signal(run.id, "ok", value=True)
    assert run.result() == {"scaled": 14}


def test_a_paused_run_is_resumed_with_them(sim: Simulation) -> None:
    system = sim.system()
    flow = Flow("paused")
    flow.node("scaled", scaling(2), inputs={"value": flow.node("first", scaling(2), inputs={"value": 7})})
    run = system.flows.start(flow)
    run.pause()
    assert run.wait().state == "paused"
    assert run.resume().result() == {"scaled": 28}


def test_flows_inside_have_their_own_also_of_one_name(sim: Simulation) -> None:
    system = sim.system()
    for name, factor in (("twice", 2), ("thrice", 3)):
        inner = Flow(name)
        inner.node("scaled", scaling(factor), inputs={"value": 7})
        system.flows.load(inner)
    outer = Flow("outer")
    for name in ("twice", "thrice"):
        outer.sub_flow(name, name)
    outer.node("scaled", scaling(4), inputs={"value": 7})
    assert system.flows.start(outer).result() == {"twice": {"scaled": 14}, "thrice": {"scaled": 21}, "scaled": 28}


def test_a_flow_inside_goes_on_with_them_when_somebody_has_answered(sim: Simulation) -> None:
    system = sim.system()
    system.flows.load(asking(2, "inner"))
    outer = Flow("outer")
    outer.sub_flow("inner", "inner")
    run = system.flows.start(outer)
    assert run.wait().state == "paused"
    system.flows.signal(run.id, "inner/ok", value=True)
    assert run.result() == {"inner": {"scaled": 14}}


def test_the_next_system_finds_them_once_it_has_the_flow(sim: Simulation) -> None:
    before = sim.system()
    run_id = before.flows.start(asking(2)).id
    assert before.flows.run(run_id).wait().state == "paused"
    before.stop()
    system = sim.system()
    with pytest.raises(DefinitionError, match=r"there is no action 'step' any more\n.*ActorSystem\(actions="):
        system.flows.resume(run_id)
    system.flows.load(asking(2))
    system.flows.signal(run_id, "ok", value=True)
    assert system.flows.run(run_id).result() == {"scaled": 14}


def test_which_of_two_that_one_function_made_a_run_began_with_is_not_guessed(sim: Simulation) -> None:
    """Both flows are one definition: what was open goes on with its own, what is taken up is refused rather than wrong."""
    system = sim.system()
    first, second = system.flows.start(asking(2)), system.flows.start(asking(3))
    assert [run.wait().state for run in (first, second)] == ["paused", "paused"]
    with pytest.raises(DefinitionError, match="there is no action 'step' any more"):
        first.resume()


def test_a_flow_inside_that_was_loaded_with_either_says_what_to_do(sim: Simulation) -> None:
    """It is the same: the run inside fails rather than computes with the wrong one, and its error says how to tell them apart."""
    system = sim.system()
    for factor in (2, 9):
        inner = Flow("inner")
        inner.node("scaled", scaling(factor), inputs={"value": 7})
        system.flows.load(inner)
    outer = Flow("outer")
    outer.sub_flow("sub", "inner")
    advice = (
        r"'step' is .*one of two that one function made.*give the flow another name for each, .*ActorSystem\(actions="
    )
    with pytest.raises(RunFailed, match=advice):
        system.flows.start(outer).result()
    named = Flow("another")
    named.node("scaled", scaling(9), inputs={"value": 7})
    system.flows.load(named)
    outer = Flow("outer")
    outer.sub_flow("sub", "another")
    assert system.flows.start(outer).result() == {"sub": {"scaled": 63}}


def test_those_of_runs_that_have_ended_are_let_go() -> None:
    """A service that builds a flow for each request makes as many functions."""
    made: list[weakref.ref[Callable[[int], int]]] = []
    with ActorSystem() as system:
        for factor in range(3):
            flow, step = Flow("one"), scaling(factor)
            flow.node("scaled", step, inputs={"value": 7})
            assert system.flows.start(flow).result() == {"scaled": 7 * factor}
            made.append(weakref.ref(step))
            del flow, step
    gc.collect()
    assert [one() for one in made] == [None, None, None], system
