"""Errors of answers to what runs ask people."""

from __future__ import annotations

from dagger_actors.errors.commands import command_line
from dagger_actors.errors.request import RequestError

ADVICE = {"bool": "true approves, false rejects", "any": "give plain data that JSON has, or reject it"}


class NotAsked(RequestError):
    """Nobody is asked at that node, now or ever.

    Args:
        run_id: The run.
        node_id: The node.
        why: Why not.
    """

    def __init__(self, run_id: str, node_id: str, why: str) -> None:
        self.run_id = run_id
        self.node_id = node_id
        self.why = why
        super().__init__(run_id, node_id, why)

    def __str__(self) -> str:
        return f"nobody is asked at node {self.node_id!r} of run {self.run_id!r}: {self.why}"


class AnswerMisfit(RequestError):
    """The answer is not of the type that is asked for, or cannot be stored.

    Args:
        run_id: The run.
        node_id: The node.
        wanted: The type that is asked for.
        found: What it is instead.
    """

    def __init__(self, run_id: str, node_id: str, wanted: str, found: str) -> None:
        self.run_id = run_id
        self.node_id = node_id
        self.wanted = wanted
        self.found = found
        super().__init__(run_id, node_id, wanted, found)

    def __str__(self) -> str:
        advice = ADVICE.get(self.wanted, f"give one of type {self.wanted}, or reject it")
        return f"node {self.node_id!r} of run {self.run_id!r} takes an answer of type {self.wanted}, not {self.found}; {advice}"


class AlreadyAnswered(RequestError):
    """Somebody has answered otherwise before; the first answer is the answer.

    Args:
        run_id: The run.
        node_id: The node.
        answer: The first answer, in short.
        user: Who gave it.
        pid: The process it came from.
        at: When, as text.
        outermost: Where the run is one inside others: the outermost of these, and its node that runs the flow.
    """

    def __init__(  # noqa: PLR0917 - an error pickles by its arguments
        self,
        run_id: str,
        node_id: str,
        answer: str,
        user: str,
        pid: int,
        at: str,
        outermost: tuple[str, str] | None = None,
    ) -> None:
        self.run_id = run_id
        self.node_id = node_id
        self.answer = answer
        self.user = user
        self.pid = pid
        self.at = at
        self.outermost = outermost
        super().__init__(run_id, node_id, answer, user, pid, at, outermost)

    def __str__(self) -> str:
        if self.outermost is None:
            again = command_line("retry", self.run_id, options=[("--from", self.node_id)])
        else:  # what runs a flow is not tried again once that has succeeded
            again = command_line("fork", self.outermost[0], options=[("--from", self.outermost[1])])
        return (
            f"node {self.node_id!r} of run {self.run_id!r} has its answer: {self.answer}, of {self.user} (process {self.pid}) "
            f"at {self.at}; to ask anew: {again}"
        )
