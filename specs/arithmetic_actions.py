"""The actions of ``chain.yaml`` and ``diamond.yaml``: small sums, so that the flow is what one looks at."""

from __future__ import annotations

import time

from dagger_actors import action


@action
def add(num1: int, num2: int) -> int:
    """Add two numbers."""
    return num1 + num2


@action
def square(number: int) -> int:
    """Multiply a number by itself."""
    return number * number


@action
def triple(number: int) -> int:
    """Multiply a number by three."""
    return number * 3


@action
def triple_with_text(number: int) -> dict[str, int | str]:
    """Multiply a number by three, and give a text beside it.

    Returns:
        ``result`` and ``text``.
    """
    return {"result": number * 3, "text": "example_string"}


@action
def slow_add(num1: int, num2: int, pause_ms: int) -> int:
    """Add two numbers after ``pause_ms`` milliseconds."""
    time.sleep(pause_ms / 1000)
    return num1 + num2


@action
def slow_square(number: int, pause_ms: int) -> int:
    """Square a number after ``pause_ms`` milliseconds."""
    time.sleep(pause_ms / 1000)
    return number * number


@action
def slow_triple(number: int, pause_ms: int) -> int:
    """Triple a number after ``pause_ms`` milliseconds."""
    time.sleep(pause_ms / 1000)
    return number * 3
