"""The file that was probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagger_actors.errors import DefinitionError
from dagger_actors.flow.actions.registry import ActionRegistry
from dagger_actors.flow.loading.loader import load_flow
from dagger_actors.reading.near_files import near_file

ONE = "name: one\nnodes: [{id: a, approval: {}}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("invoices.py", "invoice.yaml", "sub/prices.py", "bare"):
        (tmp_path / name).write_text(ONE if name.endswith(".yaml") else "")
    return tmp_path


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("invoice.py", "invoices.py"),
        ("invoices.yaml", "invoice.yaml"),
        ("sub/price.py", "sub/prices.py"),
        ("nothing_of_this.py", None),
        ("gone/prices.py", None),
        ("bar", None),
        ("a\0.py", None),
    ],
)
def test_the_nearest_file_of_the_same_kind_is_found(folder: Path, written: str, near: str | None) -> None:
    """Law: in the folder that was written, in the first that has one; what cannot be looked for is no error."""
    assert near_file(written, [folder / "gone", folder]) == near


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("actions: [invoice.py]\nnodes: [{id: a, action: b}]", "Did you mean 'invoices.py'. Looked in "),
        ("nodes: [{id: a, flow: invoices.yaml}]", "Did you mean 'invoice.yaml'"),
    ],
)
def test_who_writes_a_wrong_file_is_told_the_right_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    """Law: of actions, of a flow inside, and of the flow itself."""
    monkeypatch.chdir(folder)
    (folder / "batch.yaml").write_text(f"name: batch\n{text}\n")
    with pytest.raises(DefinitionError, match=told):
        load_flow("batch.yaml", registry=ActionRegistry())
    with pytest.raises(DefinitionError, match=r"Did you mean 'batch\.yaml'"):
        load_flow("bach.yaml")
