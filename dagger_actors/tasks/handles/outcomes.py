"""How tasks have ended, as those see it that wait for them: their results, or what is raised in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from dagger_actors.bodies.parameters import decode_custom
from dagger_actors.bodies.stored_error import decode_error, describe
from dagger_actors.core.task_states import FINAL_TASK
from dagger_actors.errors import InputError, TaskCancelled, TaskEnded, TaskFailed, TaskRejected

__all__ = ["SUCCESS", "Outcomes", "TaskOutcome", "failure_of"]

SUCCESS = frozenset({"completed", "accepted"})

_BAD_ENDS: dict[str, type[TaskEnded]] = {"failed": TaskFailed, "cancelled": TaskCancelled, "rejected": TaskRejected}


class TaskOutcome(msgspec.Struct, frozen=True, array_like=True):
    """A row of ``read.task_outcomes``.

    Attributes:
        task_key: Its id.
        agent: Its agent's name.
        state: Its state.
        result: JSON text; None when it is an artifact, or there is none.
        artifact_id: That artifact's.
        kind: That artifact's: ``json`` or ``bytes``.
        error: Its last failure, as JSON.
        reason: Why it was cancelled or rejected.
    """

    task_key: int
    agent: str
    state: str
    result: str | None
    artifact_id: str | None
    kind: str | None
    error: str | None
    reason: str | None

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL_TASK

    @property
    def is_success(self) -> bool:
        """Whether it has a result."""
        return self.state in SUCCESS


def failure_of(outcome: TaskOutcome) -> TaskEnded:
    """What is raised for a task that has ended without success."""
    reason = outcome.reason or ""
    if outcome.state == "failed" and outcome.error is not None:
        reason = describe(decode_error(outcome.error))
    return _BAD_ENDS[outcome.state](outcome.task_key, reason)


class Outcomes:
    """Makes results of what is stored, of the types that are known.

    Args:
        load: Reads an artifact's content.
        result_type: The type of an agent's results, by its name; ``Any`` = it is not known.
    """

    def __init__(self, load: Callable[[str], bytes], result_type: Callable[[str], Any]) -> None:
        self._load = load
        self._result_type = result_type
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}

    def know(self, agent: str, result_type: Any) -> None:
        """Take an agent's results to be of this type."""
        if result_type is not Any and agent not in self._decoders:
            self._decoders[agent] = _decoder(result_type)

    def result(self, outcome: TaskOutcome) -> Any:
        """The result of a task that has succeeded.

        Raises:
            InputError: It is not of the type that its agent gives by now.
            ArtifactError, StoreError: It cannot be read.
        """
        if outcome.result is not None:
            text = outcome.result.encode()
        else:
            assert outcome.artifact_id is not None
            text = self._load(outcome.artifact_id)
            if outcome.kind == "bytes":
                return text
        decoder = self._decoders.get(outcome.agent)
        if decoder is None:
            decoder = self._decoders[outcome.agent] = _decoder(self._result_type(outcome.agent))
        try:
            return decoder.decode(text)
        except (msgspec.DecodeError, NotImplementedError) as error:
            raise InputError(outcome.agent, f"result of task {outcome.task_key}", str(error)) from None

    def values(self, outcomes: Iterable[TaskOutcome], *, return_errors: bool) -> list[Any]:
        """The results of tasks that have ended, in order.

        Args:
            outcomes: Of tasks that have ended.
            return_errors: Put the error of one without success in its place; else the first one's is raised.

        Raises:
            TaskEnded: One of them has ended without success.
        """
        values: list[Any] = []
        for outcome in outcomes:
            if outcome.is_success:
                values.append(self.result(outcome))
            elif return_errors:
                values.append(failure_of(outcome))
            else:
                raise failure_of(outcome)
        return values


def _decoder(result_type: Any) -> msgspec.json.Decoder[Any]:
    try:
        return msgspec.json.Decoder(result_type, dec_hook=decode_custom)
    except (TypeError, ValueError, NameError, RecursionError):  # what msgspec cannot describe stays plain data
        return msgspec.json.Decoder()
