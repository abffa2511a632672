"""A lock that no death leaves behind: the system frees it with the process that held it."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_MOMENT = 1.0  # seconds; who waits no longer has nothing to tell

_held: list[TextIO] = []
# Some network file systems have no such locks; then there is nothing to wait for.
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# ... and some lock only what is open for writing, which a folder cannot be.
_UNSUPPORTED_FOR_FOLDERS = (*_UNSUPPORTED, errno.EBADF)


def hold(path: Path, *, wait: bool) -> bool:
    """Hold the lock file `path` until this process ends; False if another holds it and no wait."""
    file = _locked(path, wait)
    if file is None:
        return False
    _held.append(file)
    return True


@contextmanager
def turn(path: Path, waiting: Callable[[], None]) -> Iterator[bool]:
    """Hold the lock file `path` for a while; calls `waiting` where another does, for long.

    Yields whether that was so.
    """
    patience = time.monotonic() + _MOMENT
    while (file := _locked(path, wait=False)) is None and time.monotonic() < patience:
        time.sleep(_MOMENT / 20)
    waited = file is None
    if file is None:
        waiting()
        file = _locked(path, wait=True)
    assert file is not None  # one that waits gets it
    with file:
        yield waited


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


def bequeath() -> None:
    """Let the program that this process becomes (os.exec...) hold all that this process holds."""
    for file in _held:
        os.set_inheritable(file.fileno(), True)


def _locked(path: Path, wait: bool) -> TextIO | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "w", encoding="utf-8")  # noqa: SIM115 - open as long as it is held
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return file
