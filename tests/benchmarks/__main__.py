"""`make bench NAME=<name>`: run tests/benchmarks/<name>.py, print a table, then one JSON object.

A benchmark is a module or a package with `main()` that yields figures as (name, value, unit) when
it has them. In the JSON object every figure stands under its name; `units` says what they are in.
"""

import ast
import difflib
import importlib
import json
import os
import platform
import sys
from pathlib import Path

from recinterpreter.errors import UserError

HERE = Path(__file__).parent


def run(name: str) -> None:
    figures, units = {}, {}
    for figure, value, unit in importlib.import_module(name.replace("-", "_")).main():
        print(f"{figure:<48}{value:>12.4g} {unit}", flush=True)
        figures[figure], units[figure] = value, unit
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(json.dumps({"benchmark": name, "machine": machine, **figures, "units": units}))


def known() -> dict[str, str]:
    """Benchmarks that there are, and what each measures."""
    files = {file.stem.replace("_", "-"): file for file in HERE.glob("[!_]*.py")}
    files |= {file.parent.name: file for file in HERE.glob("[!_]*/__init__.py")}
    return {
        name: (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
        for name, file in sorted(files.items())
    }


def main(arguments: list[str]) -> int:
    names = known()
    if len(arguments) == 1 and arguments[0] in names:
        try:
            run(arguments[0])
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        return 0
    if arguments:
        close = difflib.get_close_matches(arguments[0], names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        print(f"error: no benchmark {' '.join(arguments)!r}{hint}")
    print("make bench NAME=<name>, where name is one of:")
    for name, purpose in names.items():
        print(f"  {name:<16} {purpose}")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
