"""Reads the values of a tree as what a key wants them to be, and gathers every complaint with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import msgspec

from dagger_actors.core.wording import nearest, quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.keys import Keys
from dagger_actors.reading.tree import Document, Fields, Listing, Scalar, Table, Tree, described, to_data

__all__ = ["MAX_PROBLEMS", "MAX_SECONDS", "Reader"]

MAX_PROBLEMS = 1000
"""Problems that are told; a file that has more is something else."""
MAX_NEAREST = 50
"""Problems whose nearest name is searched."""
MAX_SECONDS = 86_400
MAX_NAME = 200

KINDS: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "str": str,
    "bool": bool,
    "list": list,
    "dict": dict,
    "any": object,
}
_json = msgspec.json.Encoder()
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Reader:
    """Reads values; whatever does not fit is kept as a problem and read as None.

    ``what`` names a value in messages; it may be anything that has a text, which is made only when it is needed.

    Args:
        document: Where the places are.
        problems: Those found so far.
    """

    def __init__(self, document: Document, problems: Iterable[Problem] = ()) -> None:
        self.document = document
        self.subject = ""
        """The id of what is being read; messages begin with it."""
        self.noun = "node"
        """What ``subject`` is."""
        self._given = list(problems)
        self._complaints: dict[tuple[int, str], str] = {}
        self._searches = 0
        self._omitted = 0

    def complain(self, at: int, message: str, advice: str = "") -> None:
        """Keep a problem; one that an alias brings again is kept once."""
        complaint = (at, f"{self.noun} {quoted(self.subject)}: {message}" if self.subject else message)
        if len(self._complaints) < MAX_PROBLEMS or complaint in self._complaints:
            self._complaints.setdefault(complaint, advice)
        else:
            self._omitted += 1

    def add(self, problems: Iterable[Problem]) -> None:
        """Keep problems that have their place already, or none."""
        self._given += problems

    @property
    def has_problems(self) -> bool:
        """Tell whether anything was wrong so far."""
        return bool(self._given or self._complaints)

    @property
    def complained(self) -> int:
        """Count the complaints so far, to see whether there were more since."""
        return len(self._complaints) + self._omitted

    def refuse(self) -> None:
        """End the reading if anything was wrong.

        Raises:
            DefinitionError: Every problem so far, in file order.
        """
        if not self.has_problems:
            return
        told = [(problem.line, problem.column, problem) for problem in self._given]
        # What is no YAML as it stands is nothing else either: a second complaint of the same value would only confuse.
        faulty = {(line, column) for line, column, _ in told if line}
        # In data there are no lines, so sort by place before it is lost, and stably afterwards.
        for (at, message), advice in sorted(self._complaints.items(), key=lambda complaint: complaint[0][0]):
            problem = self.document.problem(at, message, advice)
            if (problem.line, problem.column) not in faulty:
                told.append((problem.line, problem.column, problem))
        told.sort(key=lambda item: item[:2])
        problems = [problem for _, _, problem in told]
        if self._omitted:
            problems.append(Problem(f"... and {self._omitted:,} more problems", file=problems[0].file))
        raise DefinitionError(problems)

    def suggest(self, name: str, known: Iterable[str], otherwise: str = "") -> str:
        """Advise the nearest of the known names, or something else if none is near."""
        self._searches += 1
        found = nearest(name, known) if self._searches <= MAX_NEAREST else None
        return f"Did you mean {quoted(found)}?" if found is not None else otherwise

    def fields(self, tree: Tree, what: object, keys: Keys) -> Fields | None:
        """Read a mapping whose keys are fixed; the result holds the known ones."""
        if not isinstance(tree, Table):
            wanted = ", ".join(f"{key}: ..." for key in keys.required)
            advice = f"Write {{{wanted}}}." if wanted else f"Known keys: {', '.join(keys.known) or 'none'}."
            self.complain(tree.at, f"{what} must be a mapping, not {described(tree)}", advice)
            return None
        entries = tree.entries
        if keys.fit(entries):
            return entries
        for key, field in entries.items():
            if key not in keys.known:
                self._unknown(key, field.at, what, keys)
        for key in keys.required:
            if key not in entries and not any(other in entries for other in keys.stand_ins_of(key)):
                self.complain(tree.at, f"{what} lacks the key `{key}`", f"Add `{key}: ...`.")
        return entries

    def _unknown(self, key: str, at: int, what: object, keys: Keys) -> None:
        path = keys.path_to(key)
        otherwise = "Known keys: " + ", ".join(keys.known) + "."
        advice = f"Write it as `{'.'.join(path)}`." if path else self.suggest(key, keys.known, otherwise)
        self.complain(at, f"{what}: unknown key {quoted(key)}", advice)

    def entries(self, tree: Tree, what: str) -> Fields:
        """Read a mapping whose keys are names that the author chooses."""
        if not isinstance(tree, Table):
            self.complain(tree.at, f"{what} must be a mapping, not {described(tree)}", "Write {NAME: ...}.")
            return {}
        for key, field in tree.entries.items():
            if not (key.isprintable() and 1 <= len(key) <= MAX_NAME):
                self._check_name(key, field.at, f"a name in {what}")
        return tree.entries

    def items(self, tree: Tree, what: str) -> list[Tree]:
        """Read a list."""
        if isinstance(tree, Listing):
            return tree.items
        is_one = isinstance(tree, Scalar) and tree.value is not None
        advice = "Put brackets around it: [...]." if is_one else "Begin each item with a dash: - ..., or write []."
        self.complain(tree.at, f"{what} must be a list, not {described(tree)}", advice)
        return []

    def text(self, tree: Tree, what: str) -> str | None:
        """Read text."""
        if isinstance(tree, Scalar) and isinstance(tree.value, str):
            return tree.value
        advice = ""
        if isinstance(tree, Scalar) and tree.value is not None:
            advice = "Put quotes around it."
        self.complain(tree.at, f"{what} must be text, not {described(tree)}", advice)
        return None

    def name(self, tree: Tree, what: str) -> str | None:
        """Read a name: 1 to 200 characters, none of them a control character."""
        text = self.text(tree, what)
        return text if text is not None and self._check_name(text, tree.at, what) else None

    def _check_name(self, text: str, at: int, what: str) -> bool:
        if not 1 <= len(text) <= MAX_NAME:
            advice = "Choose a shorter one." if text else "Write one."
            self.complain(at, f"{what} has {len(text):,} characters; it must have 1 to {MAX_NAME}", advice)
            return False
        if not text.isprintable() and (found := CONTROL.search(text)):
            self.complain(at, f"{what} holds the control character U+{ord(found[0]):04X}", "Remove it.")
            return False
        return True

    def texts(self, tree: Tree, what: str) -> tuple[str, ...]:
        """Read a list of names."""
        read = [self.name(item, f"an item of {what}") for item in self.items(tree, what)]
        return tuple(text for text in read if text is not None)

    def flag(self, tree: Tree, what: str) -> bool | None:
        """Read true or false."""
        if isinstance(tree, Scalar) and isinstance(tree.value, bool):
            return tree.value
        word = str(tree.value).lower() if isinstance(tree, Scalar) else ""
        meant = (
            "true"
            if word in ("yes", "on", "y", "1")
            else "false"
            if word in ("no", "off", "n", "0")
            else "true or false"
        )
        self.complain(
            tree.at, f"{what} must be true or false, not {described(tree)}", f"Write {meant}, without quotes."
        )
        return None

    def choice(self, tree: Tree, what: str, words: tuple[str, ...], otherwise: str = "") -> str | None:
        """Read one of a few words; gives the very object of ``words``; ``otherwise`` is the advice if none is near."""
        if isinstance(tree, Scalar) and isinstance(tree.value, str) and tree.value in words:
            return words[words.index(tree.value)]
        advice = self.suggest(str(tree.value), words, otherwise) if isinstance(tree, Scalar) else otherwise
        self.complain(tree.at, f"{what} must be one of {', '.join(words)}, not {described(tree)}", advice)
        return None

    def count(self, tree: Tree, what: str, highest: int) -> int | None:
        """Read a whole number from 1 to ``highest``."""
        return self.whole(tree, what, 1, highest)

    def whole(self, tree: Tree, what: str, lowest: int, highest: int) -> int | None:
        """Read a whole number from ``lowest`` to ``highest``."""
        value = tree.value if isinstance(tree, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        message = f"{what} must be a whole number from {lowest:,} to {highest:,}, not {described(tree)}"
        self.complain(tree.at, message, "Write such a number, without quotes, or leave the key out.")
        return None

    def number(self, tree: Tree, what: str, *, least: float, most: float = math.inf, unit: str = "") -> float | None:
        """Read a finite number from ``least`` to ``most``."""
        value = tree.value if isinstance(tree, Scalar) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            if math.isfinite(number):
                return number
        bounds = f"from {least:g} to {most:,.0f}" if math.isfinite(most) else f"of {least:g} or more"
        message = f"{what} must be a number{unit} {bounds}, not {described(tree)}"
        self.complain(tree.at, message, "Write such a number, without quotes, or leave the key out.")
        return None

    def seconds(self, tree: Tree, what: str, most: int = MAX_SECONDS, *, absent: str = "for no limit") -> float | None:
        """Read a time: more than 0, at most ``most`` seconds; ``absent`` is what leaving the key out is for."""
        value = tree.value if isinstance(tree, Scalar) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most:
            return float(value)
        message = f"{what} must be more than 0 and at most {most:,} seconds, not {described(tree)}"
        self.complain(tree.at, message, f"Write seconds as a number: 5, or 0.5; {absent} leave the key out.")
        return None

    def json(self, tree: Tree, what: str) -> str | None:
        """Read a literal as JSON text."""
        if not isinstance(tree, Scalar) or isinstance(tree.value, float):
            return self._collection_json(tree, what)
        return _json.encode(tree.value).decode()

    def _collection_json(self, tree: Tree, what: str) -> str | None:
        if self._has_no_json(tree):
            self.complain(tree.at, f"{what} holds .inf or .nan, which JSON cannot carry", "Put quotes around it.")
            return None
        return _json.encode(to_data(tree)).decode()

    def of_type(self, tree: Tree, what: str, kind: str) -> None:
        """Check a literal against one of the types that an input may have."""
        value = to_data(tree)
        fits = isinstance(value, KINDS[kind]) and (isinstance(value, bool) <= (kind in ("bool", "any")))
        if not fits:
            message = f"{what} must be of type {kind}, not {described(tree)}"
            self.complain(tree.at, message, "Change it, or the type.")

    def _has_no_json(self, tree: Tree) -> bool:
        match tree:
            case Scalar(value=float(value)):
                return not math.isfinite(value)
            case Listing(items=items):
                return any(self._has_no_json(item) for item in items)
            case Table(entries=entries):
                return any(self._has_no_json(field.value) for field in entries.values())
        return False
