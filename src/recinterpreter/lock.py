"""A lock that no death leaves behind: the system frees it with the process that held it."""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path
from typing import TextIO

_held: list[TextIO] = []
# Some network file systems have no such locks; then there is nothing to wait for.
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


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
