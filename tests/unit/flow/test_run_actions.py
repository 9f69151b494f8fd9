"""Which function a stored run's action is, when nothing may be imported for it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.actions.run_actions import Places, recall_actions
from dagger_actors.flow.definition import FlowDefinition, NodeDefinition

DEFINITION = FlowDefinition(name="f", nodes=(NodeDefinition(id="n", action="load"),))
TEXT = "from dagger_actors import action\n@action\ndef load() -> str:\n    return 'loaded'\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("own.py", "imported.py", "other.py"):
        (tmp_path / name).write_text(TEXT)
    return tmp_path


def function_of(path: Path) -> object:
    """Import a file as a program does for itself, unknown to any registry."""
    spec = importlib.util.spec_from_file_location(f"by_hand_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load


def lacking(given: ActionRegistry, folder: Path, *, imports: tuple[str, ...] = ()) -> list[str]:
    found = recall_actions(given, Places(folder=str(folder), actions=("own.py",), imports=imports))
    return [problem.message for problem in found.lacking(DEFINITION)]


def test_a_given_function_of_the_very_file_is_the_runs_own(folder: Path) -> None:
    """Law: it need not have been loaded by a flow; one of another file is in doubt until the flow's own is gone."""
    theirs, other = ActionRegistry(), ActionRegistry()
    theirs.add(function_of(folder / "own.py"))
    other.add(function_of(folder / "other.py"))
    assert lacking(theirs, folder) == []
    assert lacking(other, folder) == [
        f"node 'n': its action 'load' may be that of {folder}/own.py, which is not loaded, not that at {folder}/other.py:2"
    ]
    (folder / "own.py").unlink()
    assert lacking(other, folder) == []


def test_what_the_run_was_started_with_went_before_its_own(folder: Path) -> None:
    """Law: a flow's own is in doubt while an import of the start is there and not loaded; a system's import never is."""
    given = ActionRegistry()
    given.beside().load("own.py", folder)
    assert lacking(given, folder) == []
    assert lacking(given, folder, imports=("imported.py",))[0].startswith(
        f"node 'n': its action 'load' may be that of {folder}/imported.py, which is not loaded, not that at "
    )
    given.load("other.py", folder, insists=True)
    assert lacking(given, folder, imports=("imported.py",)) == []
