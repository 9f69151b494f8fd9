"""The modules beside a file of users' code: each folder has its own, so that two folders may each have a `helper.py`.

A file's code, and that of its neighbours, gets an ``__import__`` of its own: CPython takes it from the ``__builtins__`` of
the module that a function was defined in, so it holds for imports in functions too, whenever they run. A module beside
the file is imported as ``dagger_actors_beside_HASH.helper``, a submodule of a package that stands for the folder;
``sys.path`` stays as it is. Everything else is imported as ever, in this order:

- what the program's own ``sys.path`` finds in that very file has its plain name, and is shared with the program;
- installed packages and Python's own modules go before a neighbour of their name, as they always have here.

Only an ``import`` statement (or ``__import__``) says whose it is. What asks by the bare name, as ``importlib.import_module``
and ``pickle`` do, gets the one neighbour of that name, and is refused where two folders have one. A process that users' code
spawns knows nothing of all this.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from dagger_actors.core.wording import BESIDE
from dagger_actors.reading.installed import is_installed

__all__ = ["adopt", "has_plain_name", "import_again", "import_beside", "share"]

OURS = __name__.partition(".")[0]


class Folder:
    """The neighbours of one folder.

    Args:
        path: The folder, absolute.

    Attributes:
        package: The name of the package that stands for it.
        builtins: What its modules have for builtins.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.package = f"{BESIDE}{hashlib.sha256(path.encode()).hexdigest()[:16]}"
        # A copy, for a dict that is none slows every function down. What is added to the builtins later is not seen.
        self.builtins = {**vars(builtins), "__import__": self._import}

    def has(self, top: str) -> bool:
        """Tell whether a module or package of that name is in the folder, one without ``__init__.py`` included."""
        return f"{self.package}.{top}" in sys.modules or bool(self._location(top))

    def is_taken(self, top: str) -> bool:
        """Tell whether an import of that name is one of a neighbour's, and not one that the program makes as well."""
        if top == OURS or top in sys.stdlib_module_names:
            return False
        if f"{self.package}.{top}" in sys.modules:
            return True
        mine = self._location(top)
        if not mine:
            return False
        is_there = top in sys.modules and top not in FINDER.aliases
        theirs = _place_of(sys.modules[top] if is_there else _plain_spec(top))
        if theirs is None:
            return True
        # As everywhere, a mere folder is a package only where nothing better has its name.
        is_folder = not mine.endswith(".py")
        if not theirs or is_installed(theirs) or (is_folder and not Path(theirs).is_dir()):
            return False
        return os.path.realpath(theirs) != mine

    def has_file(self, path: Path) -> bool:
        """Tell whether a file is what an import of its name gives a neighbour."""
        return path.stem.isidentifier() and self._location(path.stem) == str(path) and self.is_taken(path.stem)

    def load(self, name: str) -> ModuleType:
        """Import a neighbour.

        Raises:
            ModuleNotFoundError: It lacks such a submodule.
        """
        FINDER.enter(self)
        full = f"{self.package}.{name}"
        if full not in sys.modules:
            importlib.invalidate_caches()
        try:
            return importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{full}.".startswith(f"{error.name}."):
                raise
            plain = error.name.removeprefix(f"{self.package}.")
            raise ModuleNotFoundError(f"No module named {plain!r}", name=plain) from None

    def _location(self, top: str) -> str:
        path = os.path.join(self.path, top)  # noqa: PTH118 - asked at each import of a function that runs often
        for found in (f"{path}.py", f"{path}/__init__.py"):
            if os.path.isfile(found):  # noqa: PTH113
                return os.path.realpath(found)
        return os.path.realpath(path) if os.path.isdir(path) else ""  # noqa: PTH112

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - the names of the builtin
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or not self.is_taken(top):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        self.load(name)
        full = f"{self.package}.{name}"
        if fromlist:
            return builtins.__import__(full, globals, locals, fromlist, 0)
        return sys.modules[f"{self.package}.{top}"]


class TextLoader(SourceFileLoader):
    """Gives a module what its text says.

    Bytecode that was kept passes for that of any text of the same length and second; a program that mends code and has it run
    is as fast as that.
    """

    def get_code(self, fullname: str) -> CodeType:
        """Compile its text."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class NeighbourLoader(TextLoader):
    """Gives a module the builtins of its folder too."""

    def exec_module(self, module: ModuleType) -> None:
        """Run it."""
        folder = FINDER.folder_of(module.__name__)
        if folder is not None:
            vars(module)["__builtins__"] = folder.builtins
        super().exec_module(module)


class AliasLoader(Loader):
    """Gives the neighbour for its bare name."""

    def __init__(self, make: Callable[[], ModuleType]) -> None:
        self._make = make
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Give the module that is there."""
        del spec
        module = self._make()
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it was: it has run."""
        module.__spec__ = self._spec


class Finder(MetaPathFinder):
    """Finds neighbours by the names that they have here; one for the whole process, as ``sys.modules`` is.

    Attributes:
        aliases: Folders by the bare names under which their neighbours were asked for.
    """

    def __init__(self) -> None:
        self.aliases: dict[str, Folder] = {}
        self._folders: dict[str, Folder] = {}
        self._lock = threading.Lock()
        self.last = LastFinder(self)

    def at(self, path: Path) -> Folder:
        """The neighbours in a folder."""
        found = Folder(str(path.resolve()))
        with self._lock:
            return self._folders.setdefault(found.package, found)

    def enter(self, folder: Folder) -> None:
        """Let the neighbours of a folder be imported."""
        with self._lock:
            if folder.package in sys.modules:
                return
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)
                sys.meta_path.append(self.last)
            package = ModuleType(folder.package, f"The modules in {folder.path}.")
            package.__path__ = [folder.path]
            package.__spec__ = ModuleSpec(folder.package, None, is_package=True)
            sys.modules[folder.package] = package
            # A bare name that two folders have stands for neither.
            for top in [top for top in self.aliases if folder.has(top)]:
                del self.aliases[top]
                for name in [name for name in sys.modules if name == top or name.startswith(f"{top}.")]:
                    del sys.modules[name]

    def folder_of(self, name: str) -> Folder | None:
        """The folder that a module is a neighbour in, by its whole name."""
        return self._folders.get(name.partition(".")[0])

    def having(self, top: str) -> Iterator[Folder]:
        """List the folders that were entered and have a neighbour of that name."""
        return (one for one in list(self._folders.values()) if one.package in sys.modules and one.has(top))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a neighbour, or a module of one that was asked for by its bare name."""
        top, dot, _ = fullname.partition(".")
        if dot and top in self.aliases:
            return _alias(fullname, self.aliases[top])
        if not dot or self.folder_of(fullname) is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = NeighbourLoader(fullname, spec.loader.path)
        return spec


class LastFinder(MetaPathFinder):
    """Finds a neighbour by its bare name, where nothing else has it."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find it.

        Raises:
            ImportError: Two folders have one.
        """
        del target
        folders = [] if path is not None else list(self._finder.having(fullname))
        if not folders:
            return None
        if len(folders) > 1:
            where = " and ".join(folder.path for folder in folders)
            message = f"a module {fullname!r} is in {where}, and its bare name does not say which is meant"
            raise ImportError(f"{message}; write an import statement in a file beside it", name=fullname)
        self._finder.aliases[fullname] = folders[0]
        return _alias(fullname, folders[0])


def _alias(name: str, folder: Folder) -> ModuleSpec | None:
    return ModuleSpec(name, AliasLoader(lambda: folder.load(name)))


def _plain_spec(top: str) -> ModuleSpec | None:
    """What the program itself would import by that name."""
    for finder in list(sys.meta_path):
        if finder in (FINDER, FINDER.last):
            continue
        find = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find(top, None) if find is not None else None
        if spec is not None:
            return spec
    return None


def _place_of(found: ModuleType | ModuleSpec | None) -> str | None:
    """The file of a module, or its first folder; empty when it has neither, None when there is no such module."""
    if found is None:
        return None
    if isinstance(found, ModuleSpec):
        file, folders = found.origin if found.has_location else None, found.submodule_search_locations
    else:
        file, folders = getattr(found, "__file__", None), getattr(found, "__path__", None)
    return file or next(map(str, folders or ()), "")


FINDER = Finder()


def adopt(module: ModuleType, path: Path) -> None:
    """Let a module that is about to run import what is beside its file."""
    folder = FINDER.at(path.parent)
    FINDER.enter(folder)
    vars(module)["__builtins__"] = folder.builtins


def has_plain_name(path: Path) -> bool:
    """Tell whether the program itself finds that very file by its plain name."""
    spec = _plain_spec(path.stem) if path.stem.isidentifier() else None
    place = _place_of(spec)
    return place is not None and os.path.realpath(place) == str(path)


def share(module: ModuleType, path: Path) -> None:
    """Let what is beside a file import the module that the file is already, where it has none of that name yet."""
    folder = FINDER.at(path.parent)
    if folder.has_file(path):
        FINDER.enter(folder)
        sys.modules.setdefault(f"{folder.package}.{path.stem}", module)


def import_beside(name: str, folders: Sequence[Path]) -> ModuleType | None:
    """Import a module from the first of the folders that has it.

    Returns:
        The module; None when no folder has it, or the program's own import finds it or another that goes before it.
    """
    top = name.partition(".")[0]
    for path in folders:
        folder = FINDER.at(path)
        if folder.has(top):
            return folder.load(name) if folder.is_taken(top) else None
    return None


def import_again(name: str, file: str) -> ModuleType:
    """Import a neighbour in another process, by the name that it has in the first.

    Args:
        name: Its whole name.
        file: Its file.
    """
    parts = name.split(".")
    depth = len(parts) - (1 if Path(file).name == "__init__.py" else 2)
    FINDER.enter(FINDER.at(Path(file).parents[depth]))
    return importlib.import_module(name)
