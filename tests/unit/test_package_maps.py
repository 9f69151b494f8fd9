"""What a package's docstring says of its modules cannot go stale: each that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import dagger_actors

ROOT = Path(dagger_actors.__file__).parent
MAPS = {
    folder.relative_to(ROOT).as_posix(): re.findall(r"^\* .*\n(?:  .*\n)*", f"{text}\n", re.MULTILINE)
    for folder in (found.parent for found in sorted(ROOT.rglob("__init__.py")))
    if (text := ast.get_docstring(ast.parse((folder / "__init__.py").read_text())))
}


def test_the_large_packages_have_maps() -> None:
    """Law: whoever opens a package of many modules is told where to begin."""
    without = [folder for folder, lines in MAPS.items() if not lines and len([*(ROOT / folder).glob("*.py")]) > 30]
    assert without == []


@pytest.mark.parametrize("folder", [folder for folder, lines in MAPS.items() if lines])
def test_every_module_on_a_map_is_there(folder: str) -> None:
    """Law: a bare name in the list of a package's docstring is one of its modules or packages."""
    names = {name for line in MAPS[folder] for name in re.findall(r"``([a-z]\w*)/?``", line)}
    missing = {one for one in names if not ((ROOT / folder / f"{one}.py").exists() or (ROOT / folder / one).is_dir())}
    assert missing == set()
