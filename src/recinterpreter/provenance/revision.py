"""Which revision of the sources a run uses, found once and handed to all its jobs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from recinterpreter.provenance.facts import DIRTY, REVISION

_PATIENCE = 5.0  # seconds; a tree on a slow disk is no reason to wait


def hand_on_revision(folder: Path) -> None:
    """Set the variable that jobs record: the commit of `folder`, `-dirty` if files differ from it.

    Empty where `folder` is no git repository of its own (a repository around it knows nothing of
    these sources). A value that is there is kept: jobs on a cluster read the Snakefile again.
    """
    if REVISION not in os.environ:
        os.environ[REVISION] = _revision(folder) if (folder / ".git").exists() else ""


def _revision(folder: Path) -> str:
    # never a tag in place of the commit; and no lock of the index is taken for a look at it
    asked = ["describe", "--always", "--exclude=*", "--abbrev=40", f"--dirty={DIRTY}"]
    try:
        told = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *asked],
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.strip()
