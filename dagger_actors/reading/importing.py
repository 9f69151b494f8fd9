"""Imports the modules and files that hold users' code; whatever goes wrong there becomes one problem, not a traceback."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

import msgspec

from dagger_actors.core.wording import as_written, quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading import neighbours
from dagger_actors.reading.installed import is_installed
from dagger_actors.reading.near_files import near_file

__all__ = [
    "FILE_MODULE",
    "Wanted",
    "find_target",
    "import_reference",
    "import_shared",
    "import_target",
    "is_installed",
    "split_reference",
]

FILE_MODULE = "dagger_actors_file_"
"""How the name of a module begins that was imported by its file; a hash of the file's path follows."""

OURS = (__file__, neighbours.__file__)

MAX_MESSAGE = 500
"""Characters kept of an error's text."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for in modules, for messages.

    Attributes:
        noun: What a name behind the colon names.
        outcome: What a module that raises has prevented.
    """

    noun: str
    outcome: str


def import_reference(reference: str, folder: Path, wanted: Wanted) -> tuple[ModuleType, str]:
    """Import what ``module``, ``module:name``, ``file.py`` or ``file.py:name`` names.

    Args:
        reference: The reference.
        folder: Where to look first; the current folder comes second.
        wanted: What is looked for.

    Returns:
        The module, and the name in it; empty when there is none.

    Raises:
        DefinitionError: It is no such reference, nothing is there, or it raised while it was imported.
    """
    target, name = split_reference(reference, wanted)
    return import_target(target, folder, wanted), name


def split_reference(reference: str, wanted: Wanted) -> tuple[str, str]:
    """Split a reference into the module or file and the name in it, which may be empty; nothing is imported.

    Raises:
        DefinitionError: It has not the form of a reference.
    """
    target, colon, name = reference.rpartition(":") if ":" in reference else (reference, "", "")
    if colon and not name.isidentifier():
        message = f"{quoted(reference)} names no {wanted.noun} behind its colon"
        raise refusal(message, "Write file.py:name or module:name.")
    if not target.endswith(".py") and not (target and all(part.isidentifier() for part in target.split("."))):
        advice = "Write module, module:name, file.py or file.py:name."
        raise refusal(f"{quoted(reference)} is neither a module nor a Python file", advice)
    return target, name


def import_target(target: str, folder: Path, wanted: Wanted) -> ModuleType:
    """Import a module, or a file that ends in ``.py``.

    Raises:
        DefinitionError: Nothing is there, or it raised while it was imported.
    """
    folders = folders_of(folder)
    if target.endswith(".py"):
        return import_file(target, folders, wanted)
    return import_module(target, folders, wanted)


def import_shared(target: str, folder: Path, wanted: Wanted) -> ModuleType:
    """Import a module or file whose classes others compare: who imports it later, by its file or its name, gets this one.

    Without that a class that two places know would be two classes.

    Raises:
        DefinitionError: Nothing is there, or it raised while it was imported.
    """
    path = Path(find_target(target, folder))
    if path.suffix != ".py":
        return import_target(target, folder, wanted)
    module = loaded(path)
    if module is None:
        if target.endswith(".py") and neighbours.has_plain_name(path):
            target, folder = path.stem, path.parent
        module = import_target(target, folder, wanted)
    sys.modules.setdefault(file_module(path), module)
    neighbours.share(module, path)
    return module


def loaded(path: Path) -> ModuleType | None:
    """The module that a file is already, by whatever name it was imported."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is not None and Path(file).name == path.name and Path(file).resolve() == path:
            return module
    return None


def find_target(target: str, folder: Path) -> str:
    """Tell what a module or file is, without importing anything.

    Args:
        target: The name of a module, or of a file that ends in ``.py``.
        folder: Where to look first; the current folder comes second.

    Returns:
        The absolute path of the file, or the name of a module that is not in these folders; empty when there is none.
    """
    folders = folders_of(folder)
    try:
        if target.endswith(".py"):
            found = next((path for one in folders if (path := one / target).is_file()), None)
        else:
            found = next(beside(target, folders), None)
    except (OSError, ValueError):
        return ""
    if found is not None:
        return str(found.resolve())
    if target.endswith(".py"):
        return ""
    is_there = target in sys.modules or PathFinder.find_spec(target.partition(".")[0]) is not None
    return target if is_there else ""


def folders_of(folder: Path) -> list[Path]:
    """List the folders to look in, in order."""
    return list(dict.fromkeys((folder.resolve(), Path.cwd())))


def import_file(target: str, folders: list[Path], wanted: Wanted) -> ModuleType:
    """Import a file once, under a name made of its absolute path."""
    try:
        path = next((found for folder in folders if (found := (folder / target)).is_file()), None)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refusal(f"the file {quoted(target)} cannot be looked at: {reason}", "Check its name.") from None
    if path is None:
        looked = " and ".join(map(str, folders))
        near = near_file(target, folders)
        meant = f"Did you mean {quoted(near)}? " if near else ""
        raise refusal(f"there is no file {quoted(target)}", f"{meant}Looked in {looked}.")
    path = path.resolve()
    if (script := running_script(path)) is not None:
        return script
    name = file_module(path)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path, loader=neighbours.TextLoader(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses, type hints and pickle look a module up by its name while it is still running.
    sys.modules[name] = module
    neighbours.adopt(module, path)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's module may raise anything
        del sys.modules[name]
        raise failure(target, error, wanted) from None
    except BaseException:
        del sys.modules[name]
        raise
    return module


def file_module(path: Path) -> str:
    """The name that a file has as a module of its own."""
    return f"{FILE_MODULE}{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"


def running_script(path: Path) -> ModuleType | None:
    """Give the program itself when that is what a file names: executed once more, it would begin its work anew."""
    module = sys.modules.get("__main__")
    file = getattr(module, "__file__", None)
    return module if file is not None and Path(file).resolve() == path else None


def import_module(name: str, folders: list[Path], wanted: Wanted) -> ModuleType:
    """Import a module by its name, from the folders too; installed ones come first."""
    importlib.invalidate_caches()
    try:
        module = neighbours.import_beside(name, folders) or importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise failure(name, error, wanted) from None
        looked = " and ".join(map(str, folders))
        message = f"there is no module {quoted(name)}"
        raise refusal(message, f"Looked in {looked} and on sys.path; for a file write its name with .py.") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's module may raise anything
        raise failure(name, error, wanted) from None
    return checked(module, name, folders)


def checked(module: ModuleType, name: str, folders: list[Path]) -> ModuleType:
    """Refuse a module of the same name from elsewhere that hides the one beside the file."""
    wanted = next(beside(name, folders), None)
    if wanted is not None and (module.__file__ is None or not wanted.samefile(module.__file__)):
        message = f"the module {quoted(name)} comes from {module.__file__ or 'elsewhere'}, which hides {wanted}"
        raise refusal(message, f"Write {Path(*name.split('.')).with_suffix('.py')} instead of {name}.")
    return module


def beside(name: str, folders: list[Path]) -> Iterator[Path]:
    """Give the files that a module of that name may be, of those in the folders."""
    relative = Path(*name.split("."))
    for folder in folders:
        for path in (folder / relative.with_suffix(".py"), folder / relative / "__init__.py"):
            if path.is_file():
                yield path


def refusal(message: str, advice: str) -> DefinitionError:
    """Make the error for a reference; the caller knows its place."""
    return DefinitionError([Problem(message, advice)])


def failure(target: str, error: BaseException, wanted: Wanted) -> DefinitionError:
    """Make the error for a module that raised, with the line of the user's code."""
    text = as_written(str(error))[:MAX_MESSAGE] or "no message"
    return refusal(
        f"importing {quoted(target)} failed: {type(error).__name__}: {text} ({place_in(error)})",
        f"Correct it; {wanted.outcome}.",
    )


def place_in(error: BaseException) -> str:
    """Tell the last line of the user's own code that an error came through."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return f"{error.filename}:{error.lineno or 0}"
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    frames = [place for place in frames if not place[0].startswith("<frozen ") and place[0] not in OURS]
    own = [place for place in frames if not is_installed(place[0])]
    file, line = (own or frames or [("unknown place", 0)])[-1]
    return f"{file}:{line}"
