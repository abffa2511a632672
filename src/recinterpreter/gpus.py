"""GPUs of this machine as slots: whoever computes on one holds its lock file, and no other does.

The slots are those of a user on a machine, so that two workflows do not meet on a GPU. A lock ends
with its process, however that ends. Where a scheduler gives GPUs (Slurm, Kubernetes) there is no
pool, and nothing is claimed.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from recinterpreter import lock
from recinterpreter.errors import UserError

POOL = "RECINTERPRETER_GPUS"  # the GPUs to share out, by comma; workflow/machine.py sets it
VISIBLE = "CUDA_VISIBLE_DEVICES"
PAUSE = 0.5  # seconds between two looks for a free one

logger = logging.getLogger("recinterpreter")


def claim(count: int | None = 1) -> None:
    """Hold as many GPUs of the pool until this process ends, and let CUDA see these alone.

    count: None for all of the pool. Must come before CUDA is first touched. Takes the first free
    ones in order, and waits if there are too few. Does nothing without a pool, or a second time.
    Raises UserError where the pool has fewer than `count`.
    """
    pool = [name for name in os.environ.pop(POOL, "").split(",") if name]
    if not pool:
        return
    wanted = len(pool) if count is None else count
    if wanted > len(pool):
        raise UserError(
            f"{wanted} GPUs are needed together (adapter.processes), {len(pool)} are to be seen "
            f"({', '.join(pool)}); wanted adapter.processes of at most {len(pool)}"
        )
    mine = _hold(pool, wanted)
    os.environ[VISIBLE] = ",".join(mine)
    logger.info("computes on GPU %s", ", ".join(mine))


def _hold(pool: list[str], wanted: int) -> list[str]:
    # One chooses at a time: two that each hold half of what both need would wait for ever.
    folder = slots()
    words = f"all of the GPUs {', '.join(pool)} that are needed are taken; waiting"
    with lock.turn(folder / "choosing.lock", waiting=lambda: logger.info("%s", words)) as waited:
        mine: list[str] = []
        while True:
            for name in pool:
                free = len(mine) < wanted and name not in mine
                if free and lock.hold(folder / f"{quote(name, safe='')}.lock", wait=False):
                    mine.append(name)
            if len(mine) == wanted:
                return mine
            if not waited:
                logger.info("%s", words)
                waited = True
            time.sleep(PAUSE)


def slots() -> Path:
    """Return the folder of lock files: of this machine, for this user."""
    return Path(tempfile.gettempdir(), f"recinterpreter-gpus-{os.getuid()}")


def main(arguments: list[str]) -> None:
    """Claim GPUs and become another program, which then holds them: COUNT PROGRAM ARGUMENT..."""
    count, *program = arguments
    logging.basicConfig(level=logging.INFO, format="[gpus] %(message)s")
    try:
        claim(int(count))
    except UserError as error:
        sys.exit(f"error: {error}")
    lock.bequeath()
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
