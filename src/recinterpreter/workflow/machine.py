"""What a run finds and claims on its machine: interpreter, sources, GPU, the results folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from recinterpreter.errors import UserError
from recinterpreter.lock import hold


def prepare_jobs(sources: Path) -> None:
    """Let `python -m recinterpreter.stages.<stage>` find this interpreter and these sources.

    So it does whether or not an environment is activated or the package installed. Changes the
    environment of this process and of all it starts, and nothing else.
    """
    for variable, first in (("PATH", Path(sys.executable).parent), ("PYTHONPATH", sources)):
        rest = [part for part in os.environ.get(variable, "").split(os.pathsep) if part]
        if str(first) not in rest[:1]:
            os.environ[variable] = os.pathsep.join([str(first), *rest])


def n_gpus_wanted() -> int:
    """Return how many GPUs a job asks for: one where there is any to be seen, else none.

    Snakemake counts what jobs ask for against the limit of the profile. A job that asks for none
    runs beside others, as it should without a GPU, for it needs a single core.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    return int(not hidden and Path("/dev/nvidiactl").exists())


def claim_results(results: Path) -> None:
    """Keep a second run out of the same results folder as long as this process lives.

    In place of Snakemake's own lock (nolock in profiles/default), which outlives a killed run and
    then stops the next one. Raises UserError when another run is there.
    """
    if not hold(results / ".lock", wait=False):
        raise UserError(
            f"another run works in {results.absolute()}; wait for it, or end it and try again"
        )
