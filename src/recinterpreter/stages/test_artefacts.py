"""Hold the tables that a run made against what must be true of them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from recinterpreter.command import InputPaths, OutputPath, command
from recinterpreter.errors import UserError
from recinterpreter.partial import partial_name

logger = logging.getLogger("recinterpreter")


# The tests stand beside the sources of a checkout, not in the package.
_TESTS = Path(__file__).parents[3] / "tests" / "artefacts"


def test_artefacts(*, artefacts: InputPaths, junit: OutputPath) -> None:
    """Run tests/artefacts over the artefacts of one data set.

    Raises UserError when a test fails; the log tells which and why.
    """
    if not _TESTS.is_dir():
        raise UserError(
            f"{_TESTS}: no such folder; wanted the sources of a checkout of the project"
        )
    partial = partial_name(junit)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", str(_TESTS), "-p", "no:cacheprovider"),
            *("-o", "addopts=", "-q", "--tb=short", "--color=no", f"--junitxml={partial}"),
            *("--artefacts", *(str(path) for path in artefacts)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    for line in run.stdout.splitlines():
        logger.info("%s", line)
    try:
        if run.returncode:
            raise UserError(
                "artefacts are not what they must be (see above); delete those that are named and "
                "run again, and if they come back the same, report it with this log"
            )
        os.replace(partial, junit)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    command(test_artefacts)
