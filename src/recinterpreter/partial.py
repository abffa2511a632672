"""Names for what is not whole yet: beside the name it will have, and telling who writes it.

A process that is killed leaves what it was writing. Nobody takes that for a result, and whoever
writes the same thing next sweeps it away. Standard library only: the Snakefile imports it.
"""

from __future__ import annotations

import glob
import os
import shutil
from pathlib import Path


def partial_name(path: Path) -> Path:
    """Return a name to write the file or folder `path` under, and sweep away what the dead left."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        writer = left.name.removeprefix(f".{path.name}.").removesuffix(".part")
        if writer.isdecimal() and not _lives(int(writer)):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _lives(process: int) -> bool:
    """Whether there is such a process, of whomever."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
