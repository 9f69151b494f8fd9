"""Secrets: the file holds where one is, never what it is; and what it is shows up nowhere by accident."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import msgspec

from dagger_actors.bodies.artifact_source import ArtifactSource
from dagger_actors.core.messages import ArtifactRecord
from dagger_actors.errors import OutputError, RequestError, SecretMissing

__all__ = ["ENV", "NO_MASK", "GuardedArtifacts", "Mask", "Secret"]

ENV = "env:"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
MASKED = "***"
SHORTEST_MASKED = 4
"""A shorter value is part of too many innocent texts to be looked for."""


class Secret:
    """Text that is shown nowhere: neither by ``str`` nor by ``repr``, and no result may hold it.

    Made by ``Secret.env("NAME")``: the value of that environment variable, in the process that runs the action.

    Attributes:
        variable: The name of the environment variable.
    """

    __slots__ = ("_value", "variable")

    def __init__(self, variable: str, value: str | None = None) -> None:
        self.variable = variable
        self._value = value

    @classmethod
    def env(cls, variable: str) -> Secret:
        """A secret that stands in an environment variable.

        Raises:
            RequestError: That cannot be the name of one.
        """
        if not isinstance(variable, str) or not VARIABLE.fullmatch(variable):
            # Not quoted: it may be the secret itself, given by mistake.
            raise RequestError("a secret is the name of an environment variable: letters, digits and underscores")
        return cls(variable)

    def reveal(self) -> str:
        """Give the text.

        Raises:
            SecretMissing: There is no such variable here.
        """
        if self._value is not None:
            return self._value
        value = os.environ.get(self.variable)
        if value is None:
            raise SecretMissing(self.variable)
        return value

    def resolved(self) -> Secret:
        """The same with its text, so that it stays what it is for the time of an attempt."""
        return Secret(self.variable, self.reveal())

    def __repr__(self) -> str:
        return f"Secret.env({self.variable!r})"

    def __str__(self) -> str:
        return MASKED

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.variable == self.variable

    def __hash__(self) -> int:
        return hash((Secret, self.variable))

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (Secret, (self.variable,))


class Mask:
    """What must not be seen of one attempt.

    Args:
        secrets: Its secrets, resolved.
    """

    def __init__(self, secrets: Sequence[Secret] = ()) -> None:
        found = {secret.reveal(): secret.variable for secret in secrets}
        # The longest first: one may be part of another.
        self._texts = sorted((text for text in found if len(text) >= SHORTEST_MASKED), key=len, reverse=True)
        self._names = found

    def text(self, text: str) -> str:
        """The text with every secret replaced by ``***``."""
        for secret in self._texts:
            text = text.replace(secret, MASKED)
        return text

    def refuse(self, content: bytes) -> None:
        """Refuse content that holds a secret, as it stands or as JSON text.

        Raises:
            OutputError: It does.
        """
        for secret in self._texts:
            raw = secret.encode("utf-8", "surrogateescape")
            if raw in content or msgspec.json.encode(secret.encode("utf-8", "replace").decode())[1:-1] in content:
                reason = f"it holds the secret of the environment variable {self._names[secret]}"
                raise OutputError(reason, "leave it out; whoever needs it takes it as an input")


NO_MASK = Mask()


class GuardedArtifacts:
    """An ``ArtifactSource`` that stores no secret.

    Args:
        source: Where everything else goes.
        mask: What must not be stored.
    """

    def __init__(self, source: ArtifactSource, mask: Mask) -> None:
        self._source = source
        self._mask = mask
        self.load = source.load
        self.content = source.content

    def prepare(self, data: bytes, *, kind: str, media_type: str, name: str = "") -> ArtifactRecord:
        """Store what holds no secret.

        Raises:
            OutputError: It holds one.
        """
        self._mask.refuse(data)
        return self._source.prepare(data, kind=kind, media_type=media_type, name=name)
