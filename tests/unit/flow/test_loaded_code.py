"""What a system keeps of the functions of its flows: neither all for ever, nor too little, whoever else is reading some."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from dagger_actors.bodies.actions import Action
from dagger_actors.flow.actions import loaded
from dagger_actors.flow.actions.loaded import LoadedCode


def made(number: int) -> Callable[[], int]:
    def step() -> int:
        return number

    return step


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> LoadedCode:
    monkeypatch.setattr(loaded, "MOST_BUILT", 3)
    return LoadedCode()


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns after every few bytecodes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def known(code: LoadedCode, names: str) -> str:
    return "".join(name for name in names if name in code._built_with)


def test_functions_of_many_flows_are_not_all_kept(code: LoadedCode) -> None:
    """Law: a service that builds another flow for each request keeps those that were asked for last."""
    for number, name in enumerate("abc"):
        code.keep_built(name, [made(number)])
    (kept,) = code.built_with("a")
    assert kept() == 0
    for number, name in enumerate("de"):
        code.keep_built(name, [made(number)])
    assert known(code, "abcde") == "ade"
    assert code.built_with("b") == []


def test_functions_of_flows_that_are_held_by_name_are_kept(code: LoadedCode) -> None:
    for name in "abcdef":
        code.keep_built(name, [made(1)], held={"a", "c"})
    assert known(code, "abcdef") == "acf"


def test_what_was_just_built_is_kept_though_all_others_are_held(code: LoadedCode) -> None:
    for name in "abcd":
        code.keep_built(name, [made(1)], held={"a", "b", "c"})
    assert known(code, "abcd") == "abcd"


@pytest.mark.usefixtures("hasty")
def test_actions_are_listed_while_others_read_some(code: LoadedCode) -> None:
    """Law: ``flows.actions`` is for any thread, whoever starts flows meanwhile."""
    kept: list[Action] = []
    reading = threading.Thread(target=lambda: kept.extend(code.read(made(number)) for number in range(2_000)))
    reading.start()
    while reading.is_alive():
        code.actions()
    reading.join()
    assert len(code.actions()) == 2_000
