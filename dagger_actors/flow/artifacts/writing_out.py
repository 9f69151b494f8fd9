"""Writes a file outside the store: whole or not at all, durable, never through a link, never over what is there unasked."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from dagger_actors.errors import ExportRefused

__all__ = ["write_out"]

NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems without hard links answer."""


def write_out(path: Path, data: bytes, *, overwrite: bool) -> Path:
    """Write ``data`` to ``path``.

    The content gets its name in one step, after it was synced. Without ``overwrite`` that step is ``link``, which fails
    when the name is taken; ``rename`` would replace it, and a look before it would race with whoever makes it.

    Args:
        path: The file; its folder must exist.
        data: The content.
        overwrite: Whether to replace what is there; never a folder.

    Returns:
        ``path``.

    Raises:
        ExportRefused: It is not written; what was there is as it was.
    """
    try:
        if path.name in {"", ".."}:
            raise ExportRefused(str(path), "that names no file")
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _write(folder, path.name, data, overwrite=overwrite)
        finally:
            os.close(folder)
    except FileExistsError:
        raise ExportRefused(
            str(path),
            "something is there already",
            "choose another name, or give --overwrite (in Python: overwrite=True)",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ExportRefused(str(path), reason) from error
    return path


def _write(folder: int, name: str, data: bytes, *, overwrite: bool) -> None:
    temporary = f".{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o644, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(descriptor)
        if overwrite:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            _name_once(folder, temporary, name)
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def _name_once(folder: int, temporary: str, name: str) -> None:
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        # Claimed by an empty file first: whoever else wants the name meets it.
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=folder))
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    os.unlink(temporary, dir_fd=folder)
