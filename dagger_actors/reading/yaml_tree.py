"""YAML 1.2 core scalars on libyaml's events; nothing is constructed, so no tag or alias can make this program act.

A refusal is fast and its memory bounded: size, levels, values (aliases expanded) and scalars have limits that are
checked while events arrive. Faults of single values are gathered; a fault of the syntax ends the reading, as nothing
after it could be trusted.
Source: YAML 1.2.2, "10.3. Core Schema"; PyYAML resolves by YAML 1.1 and is used for its parser alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import yaml

from dagger_actors.core.wording import quoted
from dagger_actors.errors import DefinitionError, Problem
from dagger_actors.reading.core_schema import resolve
from dagger_actors.reading.kind import DOCUMENT, FileKind
from dagger_actors.reading.text_document import MAX_LINES, UNPRINTABLE, TextDocument, decode
from dagger_actors.reading.tree import BARE, MAX_LEVELS, MAX_VALUES, Field, Listing, Scalar, Table, Tree

__all__ = ["MAX_SCALAR", "read_yaml"]

MAX_SCALAR = 1024 * 1024
"""Characters of one scalar."""
TEXT_STARTS = frozenset("abcdeghijklmopqrsuvwxyzABCDEGHIJKLMOPQRSUVWXYZ_/")
"""No number, truth value or null begins like this, so most text needs no further look."""
ALIAS = "Put quotes around a text that begins with *."


def read_yaml(content: bytes, file: str, kind: FileKind = DOCUMENT) -> tuple[Tree, TextDocument, list[Problem]]:
    """Read one YAML document.

    Args:
        content: The file's bytes; UTF-8, with or without a byte order mark.
        file: Its name, for messages.
        kind: What it is taken for, for messages.

    Returns:
        The tree, the document that knows its places, and the faults of single values.

    Raises:
        DefinitionError: The content is no YAML that is accepted here; carries one problem.
    """
    document = TextDocument(decode(content, file), file)
    if document.text.count("\n") > MAX_LINES:
        raise DefinitionError([Problem(f"the file has more than {MAX_LINES:,} lines", "Split it.", file)])
    found = UNPRINTABLE.search(document.text)
    if found:
        name = "a NUL byte" if found[0] == "\0" else f"the character U+{ord(found[0]):04X}"
        raise DefinitionError([document.problem(found.start(), f"{name} cannot be in a YAML file", "Remove it.")])
    builder = TreeBuilder(document, kind)
    return builder.build(), document, builder.problems


class Measured(msgspec.Struct):
    """An anchored tree with its size, so that an alias can be counted as what it expands to."""

    tree: Tree
    values: int
    levels: int


class Level(msgspec.Struct):
    """A collection whose end has not been seen.

    Attributes:
        tree: The collection; a listing for the document, which holds its root.
        is_table: Whether it is a mapping.
        anchor: Its anchor, if any.
        values: Values counted when it began.
        key: The key whose value comes next; None when a key, or an item of a listing, comes next.
        key_at: The key's place.
        levels: Levels below it so far, by aliases too.
    """

    tree: Any
    is_table: bool
    anchor: str | None
    values: int
    key: str | None = None
    key_at: int = 0
    levels: int = 0


class TreeBuilder:
    """Builds the tree of one document from its events."""

    def __init__(self, document: TextDocument, kind: FileKind) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._kind = kind
        self._values = 0
        self._bottom = Level(Listing([], 0), is_table=False, anchor=None, values=0)
        self._level = self._bottom
        self._outer: list[Level] = []
        self._anchors: dict[str, Measured | None] = {}
        self._keys: dict[str, str] = {}

    def build(self) -> Tree:
        """Read all events.

        Raises:
            DefinitionError: A fault after which nothing can be trusted.
        """
        if not yaml.__with_libyaml__:
            message = f"this PyYAML was built without libyaml, which reading {self._kind.noun} files needs"
            raise DefinitionError([Problem(message, "Install libyaml, then: pip install --force-reinstall pyyaml")])
        try:
            self._read(yaml.CBaseLoader(self._document.text))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            message = ", ".join(part for part in (error.context, error.problem) if part)
            if "nesting depth" in message:
                # Newer versions of libyaml look far ahead and refuse 1,000 levels before the first is told of.
                raise self._too_deep(mark.index if mark else 0) from None
            raise self._refusal(mark.index if mark else 0, f"not YAML: {message}", advice_for(message)) from None
        except yaml.YAMLError as error:
            raise self._refusal(0, f"not YAML: {error}") from None
        roots: list[Tree] = self._bottom.tree.items
        if not roots:
            raise self._refusal(0, "the file is empty", self._kind.least)
        return roots[0]

    def _read(self, parser: yaml.CBaseLoader) -> None:
        handlers: dict[type, Callable[[Any], None]] = {
            yaml.MappingStartEvent: self._open_table,
            yaml.SequenceStartEvent: self._open_listing,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document_start,
        }
        next_event, scalar, scalar_event = parser.get_event, self._scalar, yaml.ScalarEvent
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is scalar_event:  # most are
                scalar(event)
            elif kind in handlers:
                handlers[kind](event)

    # The handlers take Any: the C parser gives every event its mark and its tag, which the stubs do not know, and a
    # check for each of a million events would cost a tenth of the time.

    def _document_start(self, event: Any) -> None:
        if self._bottom.tree.items:
            advice = f"Write one {self._kind.noun} to a file; remove the second `---`."
            raise self._refusal(event.start_mark.index, "a second document in the file", advice)
        if event.tags or (event.version and event.version != (1, 2)):
            advice = f"Remove it; {self._kind.noun} files are YAML 1.2 without tags."
            raise self._refusal(event.start_mark.index, "a %YAML or %TAG directive that is not supported", advice)

    def _scalar(self, event: Any) -> None:
        text: str = event.value
        at: int = event.start_mark.index
        level = self._level
        anchor = event.anchor
        if anchor is not None or event.tag is not None or len(text) > MAX_SCALAR:
            self._check(event, text)
        if level.is_table and level.key is None:
            level.key_at = at
            level.key = self._keys.get(text) or self._key(text, at, is_plain=event.implicit[0])
            return
        tree = Scalar(text if text[:1] in TEXT_STARTS or not event.implicit[0] else self._resolve(text, at), at)
        if anchor is not None:
            self._anchors[anchor] = Measured(tree, 1, 0)
        self._put(tree, at)

    def _check(self, event: Any, text: str) -> None:
        self._refuse_tag(event)
        at = event.start_mark.index
        if len(text) > MAX_SCALAR:
            message = f"a value of {len(text):,} characters; at most {MAX_SCALAR:,} are accepted"
            raise self._refusal(at, message, "Keep large data in a file of its own.")
        if event.anchor is not None:
            self._anchors[event.anchor] = Measured(Scalar(text, at), 1, 0)

    def _resolve(self, text: str, at: int) -> BARE:
        try:
            return resolve(text)
        except ValueError:
            self._complain(at, f"a number of {len(text):,} digits", "Put quotes around it if it is text.")
            return 0

    def _key(self, text: str, at: int, *, is_plain: bool) -> str:
        if is_plain and text == "<<":
            self._complain(at, "merge keys (`<<`) are not part of YAML 1.2", "Write the keys out.")
        elif is_plain and not isinstance(self._resolve(text, at), str):
            self._complain(at, f"the key {text or 'null'} is not text", f'Put quotes around it: "{text}".')
        elif is_plain:
            self._keys[text] = text  # plain once, text always; one object for all that repeat it
        return text

    def _put(self, tree: Tree, at: int) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._refusal(at, f"more than {MAX_VALUES:,} values in one file", self._kind.split)
        level = self._level
        if not level.is_table:
            level.tree.items.append(tree)
            return
        key = level.key
        if key is None:
            raise self._refusal(at, "a key must be text, not a collection or an alias", "Write the key out.")
        level.key = None
        entries = level.tree.entries
        if key not in entries:
            entries[key] = Field(level.key_at, tree)
            return
        first = self._document.where(entries[key].at)
        message = f"the key {quoted(key)} is doubled; it stands at {first} already"
        self._complain(level.key_at, message, "Remove one of the two.")

    def _open_table(self, event: Any) -> None:
        self._open(event, Table({}, event.start_mark.index), is_table=True)

    def _open_listing(self, event: Any) -> None:
        self._open(event, Listing([], event.start_mark.index), is_table=False)

    def _open(self, event: Any, tree: Listing | Table, *, is_table: bool) -> None:
        if event.tag is not None:
            self._refuse_tag(event)
        if len(self._outer) >= MAX_LEVELS:
            raise self._too_deep(tree.at)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        values = self._values
        self._put(tree, tree.at)
        self._outer.append(self._level)
        self._level = Level(tree, is_table, event.anchor, values)

    def _close(self, event: Any) -> None:
        del event
        level = self._level
        outer = self._level = self._outer.pop()
        levels = level.levels + 1
        outer.levels = max(outer.levels, levels)
        if level.anchor is not None:
            self._anchors[level.anchor] = Measured(level.tree, self._values - level.values, levels)

    def _alias(self, event: Any) -> None:
        at, name = event.start_mark.index, event.anchor
        if name not in self._anchors:
            raise self._refusal(at, f"the alias {quoted(name)} has no anchor before it", ALIAS)
        target = self._anchors[name]
        if target is None:
            raise self._refusal(at, f"the alias {quoted(name)} stands inside what it names", ALIAS)
        if len(self._outer) + target.levels > MAX_LEVELS:
            raise self._refusal(
                at, f"nested deeper than {MAX_LEVELS} levels by the alias {quoted(name)}", "Flatten it."
            )
        # What an alias expands to is counted, not copied: a bomb ends at the limit, having cost nothing.
        self._values += target.values - 1
        self._level.levels = max(self._level.levels, target.levels)
        self._put(target.tree, at)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            advice = "Remove it; put quotes around what is meant as text."
            self._complain(event.start_mark.index, f"the tag {quoted(event.tag)} is not accepted", advice)

    def _complain(self, at: int, message: str, advice: str = "") -> None:
        if len(self.problems) >= 1000:
            raise DefinitionError(self.problems)
        self.problems.append(self._document.problem(at, message, advice))

    def _too_deep(self, at: int) -> DefinitionError:
        return self._refusal(at, f"nested deeper than {MAX_LEVELS} levels", "Flatten it.")

    def _refusal(self, at: int, message: str, advice: str = "") -> DefinitionError:
        return DefinitionError([*self.problems, self._document.problem(at, message, advice)])


def advice_for(message: str) -> str:
    """Say what usually helps against a message of libyaml's."""
    if "cannot start any token" in message:
        return "Indent with spaces, not tabs; put quotes around a text that begins with @, ` or %."
    if "'\\t'" in message or "\t" in message:
        return "YAML indents with spaces; replace the tab."
    if "mapping values are not allowed" in message:
        return "Put quotes around a text that holds ': ', and check the indentation."
    if "did not find expected" in message or "block" in message:
        return "Check the indentation, and that brackets and quotes are closed."
    return ""
