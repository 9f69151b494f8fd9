"""Tells users' own files from those of Python and of installed packages."""

from __future__ import annotations

import sysconfig

__all__ = ["is_installed"]

KEYS = ("stdlib", "platstdlib", "purelib", "platlib")


def is_installed(file: str) -> bool:
    """Tell whether a file belongs to Python or to an installed package."""
    return file.startswith(tuple({path for key in KEYS if (path := sysconfig.get_path(key))}))
