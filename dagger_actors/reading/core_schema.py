"""What a plain YAML scalar means: null, a truth value, a number or text.

PyYAML resolves by YAML 1.1, where ``on`` is true, ``010`` is eight and ``12:30`` is 750; here the YAML 1.2 core schema
holds.
Source: YAML 1.2.2, "10.3. Core Schema".
"""

from __future__ import annotations

import math
import re

from dagger_actors.reading.tree import BARE

__all__ = ["resolve"]

MAX_DIGITS = 400
"""Characters of one number; parsing a longer one takes quadratic time."""
NUMBER_STARTS = frozenset("-+.0123456789")
INTEGER = re.compile(r"[-+]?[0-9]+")
OCTAL = re.compile(r"0o[0-7]+")
HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
WORDS: dict[str, BARE] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((sign + word for sign in ("", "+") for word in (".inf", ".Inf", ".INF")), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


def resolve(text: str) -> BARE:
    """Tell what a plain scalar means in the core schema.

    Raises:
        ValueError: A number too long to be meant as one.
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in NUMBER_STARTS:
        return text
    if len(text) > MAX_DIGITS and any(number.fullmatch(text) for number in (INTEGER, FLOAT, OCTAL, HEXADECIMAL)):
        raise ValueError("too long")
    if INTEGER.fullmatch(text):
        return int(text)
    if FLOAT.fullmatch(text):
        return float(text)
    if OCTAL.fullmatch(text) or HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    return text
