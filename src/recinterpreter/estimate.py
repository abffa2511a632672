"""`recinterpreter estimate`: a table of what the adapters of a configuration will take."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import cyclopts

from recinterpreter.costs.estimate import Estimate, estimate
from recinterpreter.experiment import Settings
from recinterpreter.overlays import read_settings
from recinterpreter.quantities import count, duration, size
from recinterpreter.tool import run

_SEVERAL = cyclopts.Parameter(consume_multiple=True, negative="")


def main(arguments: Sequence[str]) -> None:
    """Run `recinterpreter estimate`; exits 2 on a user's error."""
    logging.getLogger("recinterpreter").addHandler(logging.NullHandler())
    run(program, "estimate", arguments)


def program(
    *,
    configfile: Annotated[list[Path] | None, _SEVERAL] = None,
    config: Annotated[list[str] | None, _SEVERAL] = None,
    results: Path = Path("results"),
) -> None:
    """Say what adapters will take: operations, time, memory, disk; no weight is loaded.

    Parameters
    ----------
    configfile: files that overlay config.yaml, as with snakemake
    config: single blocks that overlay those, 'adapter={epochs: 3}', as with snakemake
    results: the folder that holds the data sets, of which examples must be there
    """
    settings = read_settings(configfile or [], config or [])
    total, disk = 0.0, 0.0
    states: dict[tuple[str, tuple[int, int]], float] = {}
    for found in estimate(settings, results):
        print("\n".join(lines(found, settings)), end="\n\n", flush=True)
        total += found.trainings * (found.training.total + found.answering)
        disk += found.trainings * found.adapter
        states[found.dataset, found.shape] = found.trainings * found.states
    print(
        f"all adapters, one after another: {duration(total)}; "
        f"on disk: {size(disk + sum(states.values()))}"
    )


def lines(found: Estimate, settings: Settings) -> Iterator[str]:
    """Write an estimate as a small table."""
    training, work = found.training, found.training.work
    positions, width = found.shape
    yield (
        f"{found.dataset}, {found.task}, {found.kind}: {', '.join(found.recommenders)} "
        f"(states {positions} x {width}), {settings.llm.source}"
    )
    how = "timed on thin models" if training.tried else "arithmetic: 60 % of that rate"
    largest = sorted(training.memory.items(), key=lambda part: -part[1])
    rows = {
        "examples an epoch": f"{work.examples:,}, {settings.adapter.epochs} epochs",
        "tokens an example": f"{work.tokens:.0f}, {work.targets:.0f} of them foretold; "
        f"{work.prefix:.0f} before them are read once for all",
        "operations": f"{count(training.flops)}FLOP an example, "
        f"{count(training.flops * work.examples)}FLOP an epoch",
        "this machine": f"{count(training.rate)}FLOP/s in matrix products",
        "a step": f"{training.step:.3g} s ({how})",
        "an epoch": duration(training.epoch),
        "a training": duration(training.total),
        "its answers": duration(found.answering),
        "trainings": f"{found.trainings}, {duration(found.trainings * training.total)} in all",
        "memory": f"{size(sum(training.memory.values()))} at most: "
        + ", ".join(f"{name} {size(held)}" for name, held in largest if held),
        "disk": f"{size(found.adapter)} an adapter in training, {size(found.states)} "
        "the states of a recommender",
    }
    for name, value in rows.items():
        yield f"  {name:<18} {value}"
