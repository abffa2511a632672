"""`recinterpreter estimate`: a table of what the adapters of a configuration will take.

The settings are read and overlaid as Snakemake does it: config.yaml, files, single keys.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import cyclopts
import yaml

from recinterpreter import configuration
from recinterpreter.costs.estimate import Estimate, estimate
from recinterpreter.errors import UserError
from recinterpreter.experiment import Settings
from recinterpreter.quantities import count, duration, size
from recinterpreter.tool import run

CONFIG = Path(__file__).parents[2] / "config.yaml"

Overlay = dict[str, Any]


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


def read_settings(files: Sequence[Path], overrides: Sequence[str]) -> Settings:
    """Merge config.yaml, the files and the overrides KEY=VALUE, and check the whole."""
    merged: Overlay = {}
    read: dict[str, Overlay] = {}
    for file in [CONFIG, *files]:
        if not file.is_file():
            raise UserError(f"{file}: no such file; wanted a configuration in YAML")
        try:
            read[os.path.relpath(file)] = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as error:
            raise UserError(f"{file}: not YAML: {error}") from None
    for overlay in [*read.values(), *map(_override, overrides)]:
        merged = _overlaid(merged, overlay)
    return configuration.load(merged, read)


def _override(text: str) -> Overlay:
    key, mark, value = text.partition("=")
    if not mark:
        raise UserError(f"--config {text}: wanted KEY=VALUE, such as 'adapter={{epochs: 3}}'")
    return {key: yaml.safe_load(value)}


def _overlaid(base: Overlay, over: Overlay) -> Overlay:
    """Overlay blocks key by key; anything but a block replaces what was there."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _overlaid(merged[key], value) if both else value
    return merged


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
