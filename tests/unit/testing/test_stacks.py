"""Turns that stop in their middle: several threads, of which one runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from dagger_actors.testing.errors import Killed
from dagger_actors.testing.stacks import OwnStack
from dagger_actors.testing.world import World


class Body:
    """A turn that does what it is told, given its stack."""

    def __init__(self, world: World, script: Callable[[OwnStack], bool | None]) -> None:
        self.stack = OwnStack(world, "w1", self)
        self._script = script

    def run_turn(self) -> bool:
        return bool(self._script(self.stack))


def test_a_paused_turn_goes_on_where_it_stopped_and_nothing_runs_beside_it() -> None:
    """Law: whoever gives the turn goes on only when it has paused or ended."""
    world, notes = World(0), []

    def script(stack: OwnStack) -> None:
        for number in range(3):
            notes.append((number, threading.get_ident() == world.thread))
            stack.pause()

    body = Body(world, script)
    for number in range(4):
        assert body.stack.run_turn() is False
        assert len(notes) == min(number + 1, 3)
        assert list(world.paused) == ([body.stack] if number < 3 else [])
        assert world.thread == threading.get_ident()
        assert world.stack is None
    assert notes == [(0, True), (1, True), (2, True)]


def test_a_turn_that_wants_another_is_begun_anew() -> None:
    """Law: as any turn of a dispatcher."""
    world, turns = World(0), []
    body = Body(world, lambda _stack: turns.append(1) or len(turns) < 3)
    world.offer("w1", body.stack)
    world.settle()
    assert len(turns) == 3


@pytest.mark.parametrize("error", [ValueError("its own"), SystemExit(3), Killed("w1")])
def test_what_a_turn_raises_reaches_whoever_gave_it(error: BaseException) -> None:
    """Law: also behind a pause, and whatever it is."""
    world = World(0)

    def script(stack: OwnStack) -> None:
        stack.pause()
        raise error

    body = Body(world, script)
    body.stack.run_turn()
    with pytest.raises(type(error)) as caught:
        body.stack.run_turn()
    assert caught.value is error


def test_a_turn_may_give_turns_and_those_may_outlast_it() -> None:
    """Law: they are no frames of one stack: one that was begun by another goes on when that is long over."""
    world, notes = World(0), []

    def inner_script(stack: OwnStack) -> None:
        notes.append("inner begins")
        stack.pause()
        notes.append("inner ends")

    inner = Body(world, inner_script)

    def outer_script(stack: OwnStack) -> None:
        inner.stack.run_turn()
        assert world.stack is stack
        assert world.thread == threading.get_ident()
        notes.append("outer ends")

    Body(world, outer_script).stack.run_turn()
    inner.stack.run_turn()
    assert notes == ["inner begins", "outer ends", "inner ends"]


def test_a_dead_turn_ends_though_it_wants_to_wait_again() -> None:
    """Law: once dead, every pause raises: its ``finally`` blocks cannot hold the end of the simulation."""
    world, notes = World(0), []

    def script(stack: OwnStack) -> None:
        for _ in range(3):
            try:
                stack.pause()
            except Killed:
                notes.append("killed")

    body = Body(world, script)
    body.stack.run_turn()
    world.forget("w1")
    assert world.paused == {}
    assert notes == []
    world.close()
    assert notes == ["killed"] * 3
    assert not any("simulated" in thread.name for thread in threading.enumerate())
