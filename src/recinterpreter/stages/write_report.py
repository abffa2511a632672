"""Write the page: everything that was measured, in one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from recinterpreter.checkpoint import write_text
from recinterpreter.command import InputPaths, OutputPath, command
from recinterpreter.experiment import Settings
from recinterpreter.report.page import render


def write_report(*, settings: Settings, results: str, tables: InputPaths, page: OutputPath) -> None:
    """Read the tables below the folder `results` and write the page; computes nothing.

    `settings` is the whole configuration, which the page shows; it names the data sets and the
    language model. `tables` are the files the page reads, as given to Snakemake (they must exist).
    """
    write_text(page, render(settings, Path(results)))


if __name__ == "__main__":
    command(write_report)
