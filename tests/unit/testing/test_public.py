"""What the kit gives to others: its names, their documentation, examples that run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import subprocess
import sys

import pytest

import dagger_actors.testing as kit

MODULES = (
    "dagger_actors.testing",
    "dagger_actors.testing.exploration",
    "dagger_actors.testing.handler_stubs",
    "dagger_actors.testing.probe",
    "dagger_actors.testing.script",
    "dagger_actors.testing.stubs",
)


@pytest.mark.parametrize("name", MODULES)
def test_every_example_in_the_documentation_runs(name: str) -> None:
    """Law: what is shown is true."""
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted >= 3
    assert found.failed == 0


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    """Law: no name without a sentence of its own, and ``dir`` shows them all."""
    assert dir(kit) == sorted(kit.__all__)
    for name in kit.__all__:
        value = getattr(kit, name)
        assert value.__name__ == name
        assert len(inspect.getdoc(value) or "") > 30, name
        for method, function in inspect.getmembers(value, inspect.isfunction) if isinstance(value, type) else ():
            if not method.startswith("_") and function.__module__.startswith("dagger_actors"):
                assert inspect.getdoc(function), f"{name}.{method}"


def test_the_kit_says_what_it_cannot_cover() -> None:
    """Law: nobody takes a simulation for more than it is."""
    text = kit.__doc__ or ""
    for part in (
        "preemption inside a handler",
        "processes and signals",
        "clocks and chance of your own",
        "sockets",
        "power",
    ):
        assert part in text


def test_an_unknown_name_is_an_attribute_error() -> None:
    """Law: as of any module."""
    with pytest.raises(AttributeError, match="'Simulator'"):
        kit.Simulator  # noqa: B018


def test_importing_the_kit_loads_nothing_heavy() -> None:
    """Law: the names are loaded when they are first used."""
    program = (
        "import sys, dagger_actors.testing; print(sorted(m for m in sys.modules if m.startswith(('dagger', 'apsw'))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['dagger_actors', 'dagger_actors.testing']"
