"""A lock that no death leaves behind: the system frees it with the process that held it."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_held: list[TextIO] = []
# Some network file systems have no such locks; then there is nothing to wait for.
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# ... and some lock only what is open for writing, which a folder cannot be.
_UNSUPPORTED_FOR_FOLDERS = (*_UNSUPPORTED, errno.EBADF)


def hold(path: Path, *, wait: bool) -> bool:
    """Hold the lock file `path` until this process ends; False if another holds it and no wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "w", encoding="utf-8")  # noqa: SIM115 - open as long as it is held
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    _held.append(file)
    return True


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, and wait for it; without one where its file system has none."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _UNSUPPORTED_FOR_FOLDERS:
                raise
        yield
    finally:
        os.close(descriptor)
