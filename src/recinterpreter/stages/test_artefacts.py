"""Hold the tables that a run made against what must be true of them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.errors import UserError

logger = logging.getLogger("recinterpreter")


def test_artefacts(*, tests: InputPath, artefacts: InputPaths, junit: OutputPath) -> None:
    """Run the folder `tests` of pytest over the artefacts of one data set.

    Raises UserError when a test fails; the log tells which and why.
    """
    partial = junit.with_name(f".{junit.name}.{os.getpid()}.part")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", str(tests), "-p", "no:cacheprovider"),
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
