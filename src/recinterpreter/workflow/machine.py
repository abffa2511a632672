"""What a run finds and claims on its machine: interpreter, sources, GPUs, the results folder."""

from __future__ import annotations

import os
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

from recinterpreter.errors import UserError
from recinterpreter.gpus import POOL, VISIBLE
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


def share_gpus(workflow: Any) -> None:
    """Name the GPUs of this machine to jobs, which claim one each, and limit jobs to their number.

    workflow: Snakemake's. A limit of the user's (--resources gpu=N) stands, and what a job asks for
    beyond the limit Snakemake takes off: without a GPU jobs ask for none and run beside others. On
    a cluster (which Snakemake gives a number of nodes, --jobs) there is no limit here, and a job
    started there finds no pool: its scheduler has given it what it may use. Changes the environment
    of this process, and the resources of `workflow`.
    """
    if workflow.subprocess_exec:  # a part of a local run, which has named them
        return
    os.environ.pop(POOL, None)
    if workflow.remote_exec:
        return
    found = visible_gpus()
    if found:
        os.environ[POOL] = ",".join(found)
    if workflow.resource_settings.nodes is None and "gpu" not in workflow.global_resources:
        workflow.register_resource("gpu", len(found))


def visible_gpus(devices: Path = Path("/dev")) -> list[str]:
    """Return what CUDA calls the GPUs that may be used: CUDA_VISIBLE_DEVICES, or all there are."""
    given = os.environ.get(VISIBLE)
    if given is not None:
        names = [name.strip() for name in given.split(",")]
        # CUDA, too, looks at none behind the first that is no device
        return list(takewhile(lambda name: name not in ("", "-1"), names))
    # counted, for a container may hold nvidia3 alone, which CUDA calls 0 there
    return [str(number) for number, _ in enumerate(devices.glob("nvidia[0-9]*"))]


def claim_results(results: Path) -> None:
    """Keep a second run out of the same results folder as long as this process lives.

    In place of Snakemake's own lock (nolock in profiles/default), which outlives a killed run and
    then stops the next one. Raises UserError when another run is there, or nothing can be written.
    """
    try:
        held = hold(results / ".lock", wait=False)
    except OSError as error:
        raise UserError(
            f"{results.absolute()} cannot be written to ({error.strerror}); mend that, or work in "
            "another folder: snakemake --directory FOLDER"
        ) from None
    if not held:
        raise UserError(
            f"another run works in {results.absolute()}; wait for it, or end it and try again"
        )


def insist_on_links(results: Path) -> None:
    """Raise UserError where links lead into a cache (--cache) that is no more.

    Snakemake would say of one of them that another process has deleted it.
    """
    dead = [
        Path(folder, name)
        for folder, _, names in os.walk(results)
        for name in names
        if os.path.islink(path := os.path.join(folder, name)) and not os.path.exists(path)
    ]
    if dead:
        raise UserError(
            f"{len(dead)} files of {results} are links into a cache that is no more, such as "
            f"{dead[0]}; delete them (find {results} -xtype l -delete), and they are made again"
        )
