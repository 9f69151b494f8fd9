"""Words for attempts and retries: when, how long, after which error, by which policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

from dagger_actors.bodies.stored_error import describe
from dagger_actors.core.messages import ErrorDetail
from dagger_actors.core.retry import AttemptError, Exponential, Immediate, Linear, RetryPolicy, RetryWait
from dagger_actors.core.wording import counted, indefinite, quoted
from dagger_actors.drawing.picture import NAMED
from dagger_actors.flow.definition import Approval, NodeDefinition
from dagger_actors.flow.definition.picture import told_source
from dagger_actors.flow.reports.origin import innermost
from dagger_actors.flow.reports.report import AttemptReport, NodeReport
from dagger_actors.flow.stored.given_answers import Answer

__all__ = [
    "answered",
    "awaiting",
    "cached_by",
    "ended",
    "history",
    "last",
    "made",
    "moment",
    "parked",
    "policy",
    "running_flow",
    "span",
    "told_error",
]

HISTORY = 10
"""Earlier attempts that are told; the rest is counted."""

LONGEST_ERROR = 300


def moment(us: int) -> str:
    """Write a time (microseconds UTC) to the second."""
    return datetime.fromtimestamp(us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(us: int) -> str:
    """Write a length of time: ``0.012 s``, ``3.2 s``, ``245 s``; whole minutes and hours beyond ten minutes."""
    seconds = max(0, us) / 1e6
    if seconds < 1:
        return f"{seconds:.3f} s"
    if seconds < 600:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def told_error(error: ErrorDetail | None) -> str:
    """One line of an error, shortened."""
    if error is None:
        return "no recorded error"
    text = innermost(describe(error))
    return text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}…"


def made(tries: int, retry: RetryPolicy) -> str:
    """Count a try: ``2 of 3``; each `retry` of the run gives the tries anew, so there may be more of them than that."""
    return f"{tries} of {retry.tries}" if tries <= retry.tries else f"{tries}, those before a retry of the run counted"


def policy(retry: RetryPolicy, error: ErrorDetail | None, tries: int) -> str:
    """Say why there is no further try after this error, or how the next one is spaced.

    Args:
        retry: The node's policy.
        error: The last error, when it was the last one; None = there is a next try.
        tries: Tries made so far.
    """
    if error is None:
        return f"the wait is {_wait(retry.wait)}"
    if not retry.is_retried(AttemptError(error.message, error.names)):
        kind = error.type.removeprefix("builtins.")
        if any(name in error.names for name in retry.give_up_on):
            return f"{kind} is in give_up_on"
        return (
            f"{kind} is not in retry_on" if retry.retry_on else f"{kind} is a mistake that trying again does not mend"
        )
    if tries >= retry.tries:
        return "no tries are left" if retry.tries > 1 else "it is tried once (try_count)"
    return "it was not tried again"


def _wait(wait: RetryWait) -> str:
    match wait:
        case Exponential(initial_delay_secs=initial, max_delay_secs=longest, multiplier=multiplier, jitter=jitter):
            extra = f", plus up to {jitter:g} s at random" if jitter else ""
            return f"exponential: {initial:g} s, times {multiplier:g} after each try, at most {longest:g} s{extra}"
        case Linear(delay_secs=delay, increment_secs=increment):
            return f"linear: {delay:g} s" + (f", {increment:g} s more after each try" if increment else "")
        case Immediate():
            return "none (immediate)"
        case _:
            assert_never(wait)


def last(one: NodeReport) -> AttemptReport:
    """The last attempt; one without a number when there is none."""
    if one.attempts:
        return one.attempts[-1]
    return AttemptReport(
        attempt=0, state=one.state, reason=None, error=None, started_us=None, finished_us=None, due_us=None
    )


def ended(attempt: AttemptReport) -> str:
    """Say how an attempt ended."""
    verb = {"timed_out": "timed out", "interrupted": "was cut off"}.get(attempt.state, attempt.state)
    why = f" with {told_error(attempt.error)}" if attempt.error is not None else ""
    return f"{verb}{why}" + (f" ({attempt.reason})" if attempt.reason and attempt.error is None else "")


def awaiting(node: NodeDefinition, nodes: tuple[NodeDefinition, ...], attempt: AttemptReport, now_us: int) -> list[str]:
    """Say what an attempt awaits from outside, since when, and until when."""
    awaits = node.awaits
    assert awaits is not None
    if isinstance(awaits, Approval):
        return asking(awaits, attempt, now_us)
    asked = [f"{path} = {told_source(source, nodes)}" for path, source in awaits.match[:NAMED]]
    asked += [f"{len(awaits.match) - NAMED} more"] if len(awaits.match) > NAMED else []
    told = f"it awaits {indefinite(node.purpose)}" + (f" with {' and '.join(asked)}" if asked else "")
    return [told, *_since(attempt, now_us)]


def running_flow(node: NodeDefinition, one: NodeReport, now_us: int) -> list[str]:
    """Say which run of a flow an attempt awaits, since when, and until when."""
    assert node.flow is not None
    return [f"it runs the flow {quoted(node.flow.name)}, as run {quoted(one.run)}", *_since(last(one), now_us)]


def _since(attempt: AttemptReport, now_us: int) -> list[str]:
    told = []
    if attempt.started_us is not None:
        told.append(f"it does since {moment(attempt.started_us)}, for {span(now_us - attempt.started_us)}")
    if attempt.due_us is not None:
        left_us = attempt.due_us - now_us
        told.append(f"it times out at {moment(attempt.due_us)}" + (f" (in {span(left_us)})" if left_us > 0 else ""))
    return told


def asking(asks: Approval, attempt: AttemptReport, now_us: int) -> list[str]:
    """Say what a person is asked, since when, and what happens when nobody answers."""
    told = ["a person is asked" + (f": {asks.message}" if asks.message else "")]
    if asks.type != "bool":
        told.append(f"the answer is to be of type {asks.type}")
    if attempt.started_us is not None:
        told.append(f"it waits since {moment(attempt.started_us)}, for {span(now_us - attempt.started_us)}")
    if attempt.due_us is not None:
        told.append(_then(asks, attempt.due_us, now_us))
    elif asks.timeout_s is not None:
        told.append(f"nobody has answered within {asks.timeout_s:g} s, so it waits on, without a limit")
    return told


def _then(asks: Approval, due_us: int, now_us: int) -> str:
    """What happens when the time of a question is up; it does when somebody who has the code looks."""
    is_autopilot = asks.on_timeout == "autopilot"
    if due_us > now_us:
        then = f"the autopilot answers {asks.default}" if is_autopilot else "it waits on, without a limit"
        return f"at {moment(due_us)} {then} (in {span(due_us - now_us)})"
    then = f"the autopilot answers {asks.default} as soon as somebody goes on with the run"
    return f"its time was up at {moment(due_us)}: " + (then if is_autopilot else "it waits on, without a limit")


def answered(answer: Answer) -> list[str]:
    """Say that somebody has answered, and that the run has yet to take it."""
    because = f": {answer.reason}" if answer.reason else ""
    return [
        f"it has its answer: {answer.in_short}, of {answer.user} (process {answer.pid}) at {moment(answer.at)}{because}",
        "the run has not taken it yet: whoever goes on with the run does",
    ]


def history(attempts: Sequence[AttemptReport]) -> list[str]:
    """Say how attempts ended, the last few of them."""
    left_out = max(0, len(attempts) - HISTORY)
    told = [f"attempt {one.attempt} {ended(one)}" for one in attempts[left_out:]]
    return [f"left out: {counted(left_out, 'earlier attempt')}", *told] if left_out else told


def parked(one: NodeReport) -> list[str]:
    """Say why a node is parked, and what releases it."""
    why = {
        "poison": "its process died under it again and again, so it is parked and not run once more by itself",
        "interrupted": "it may run at most once and was cut off, so nobody knows whether it had its effect",
    }.get(one.reason or "", f"it is parked: {one.reason or 'no reason is recorded'}")
    release = "`retry` of its run releases it, with a fresh set of tries"
    return [why, *history([attempt for attempt in one.attempts if attempt.state == "interrupted"][-3:]), release]


def cached_by(reason: str | None) -> str:
    """Say which key gave a succeeded node its output; "" when it was computed.

    The one place that knows how the reason of a cached attempt reads: whoever writes it says ``cached``, then what of.
    """
    if reason is None or not reason.startswith("cached"):
        return ""
    return f"its output was not computed but found: {reason}"
