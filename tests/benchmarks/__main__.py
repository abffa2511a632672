"""`make bench NAME=<name>`: run tests/benchmarks/<name>.py, print a table, then one JSON object.

A benchmark is a module with `main()` that yields figures as (name, value, unit) when it has them.
"""

import ast
import difflib
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run(name: str) -> None:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    figures = {}
    for figure, value, unit in benchmark.main():
        print(f"{figure:<48}{value:>12.4g} {unit}", flush=True)
        figures[figure] = {"value": value, "unit": unit}
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    print(json.dumps({"benchmark": name, "machine": machine, "figures": figures}))


def known() -> dict[str, str]:
    """Benchmarks that there are, and what each measures."""
    return {
        file.stem: (ast.get_docstring(ast.parse(file.read_text())) or "").partition("\n")[0]
        for file in sorted(HERE.glob("[!_]*.py"))
    }


def main(arguments: list[str]) -> int:
    names = known()
    if len(arguments) == 1 and arguments[0] in names:
        run(arguments[0])
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
