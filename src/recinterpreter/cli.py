"""The command `recinterpreter`: one subcommand per stage, and some for people alone.

The workflow itself runs `python -m recinterpreter.stages.<stage>`, which is the same.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import sys
from importlib import metadata
from pathlib import Path

from recinterpreter.command import command

_STAGES = Path(__file__).parent / "stages"
# subcommands that are no stage: their module has a main, which is given the rest of the line
_TOOLS = {
    "check-data": (
        "recinterpreter.check_data",
        "Say whether data can be used, and print its audit; nothing is run or written.",
    ),
    "estimate": (
        "recinterpreter.estimate",
        "Say what the adapters of a configuration will take, before any is trained.",
    ),
    "targets": (
        "recinterpreter.targets",
        "Say what can be asked for with a configuration, and how much of it is there.",
    ),
    "why": (
        "recinterpreter.provenance.why",
        "Say what led to a file: inputs, settings, code and times.",
    ),
}


def main(arguments: list[str] | None = None) -> None:
    """Run `recinterpreter <stage> --option value ...`; without a stage, list them all."""
    given = sys.argv[1:] if arguments is None else arguments
    stages = purposes()
    if not given or given[0] in ("-h", "--help"):
        print("usage: recinterpreter <stage> [--help] [--option value ...]\n")
        print("\n".join(f"  {name:<22} {purpose}" for name, purpose in stages.items()))
        print()
        print("\n".join(f"  {name:<22} {purpose}" for name, (_, purpose) in _TOOLS.items()))
        print("\nSnakemake runs them in order: snakemake --cores all")
        return
    if given[0] == "--version":
        print(f"recinterpreter {metadata.version('recinterpreter')}")
        return
    if given[0] in _TOOLS:
        importlib.import_module(_TOOLS[given[0]][0]).main(given[1:])
        return
    name = given[0].replace("-", "_")
    if name not in stages:
        close = difflib.get_close_matches(name, [*stages, *_TOOLS], n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        print(
            f"error: no stage {given[0]!r}; {hint}`recinterpreter` alone lists them",
            file=sys.stderr,
        )
        sys.exit(2)
    # imported now and not above: a list of stages shall not wait for torch
    stage = importlib.import_module(f"recinterpreter.stages.{name}")
    command(getattr(stage, name), given[1:])


def purposes() -> dict[str, str]:
    """Return every stage with the first line of its module's docstring, read without importing."""
    found = {}
    for file in sorted(_STAGES.glob("[!_]*.py")):
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        found[file.stem] = docstring.partition("\n")[0]
    return found
