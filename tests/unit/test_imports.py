"""Data flows one way: no room of the package looks back."""

import subprocess
import sys
from pathlib import Path

import pytest

from recinterpreter.workflow.digest import PACKAGE, direct_imports

ROOMS = {
    "data": 1,
    "recommenders": 2,
    "language_model": 2,
    "scoring": 2,
    "interpretation": 3,
    "bounds": 3,
    "judge": 3,
    "outside": 4,
    "costs": 5,
    "report": 5,
    "stages": 6,
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    first = file.relative_to(PACKAGE).parts[0]
    return first if first in ROOMS else ("workflow" if first == "workflow" else "ground")


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_run_one_way(module: Path) -> None:
    here = room_of(module)
    for imported in direct_imports(module):
        there = room_of(imported)
        if imported.name == "__init__.py" or there == here != "stages":
            continue
        name = imported.relative_to(PACKAGE)
        if here in ROOMS:
            assert ROOMS.get(there, 0) < ROOMS[here], f"looks back or aside at {name}"
            assert there != "workflow", f"the workflow is above: {name}"
        elif module.stem not in ("check_data", "cli", "configuration", "estimate"):
            assert there not in ROOMS, f"the ground stands on no room: {name}"


@pytest.mark.parametrize("package", [p for p in MODULES if p.name == "__init__.py"], ids=str)
def test_packages_hold_a_docstring_only(package: Path) -> None:
    assert direct_imports(package) == set()


def loaded_after(*modules: str) -> set[str]:
    """Top-level packages that a fresh Python holds after importing some modules."""
    program = (
        f"import sys\nimport {', '.join(modules)}\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    return set(run.stdout.decode().split())


def test_scoring_judge_and_report_never_load_torch() -> None:
    rooms = [
        f"recinterpreter.{m.parent.name}.{m.stem}"
        for m in MODULES
        if m.parent.name in ("scoring", "judge", "report") and m.stem != "__init__"
    ]
    assert len(rooms) > 5
    assert not {"torch", "transformers"} & loaded_after(*rooms)


def test_what_the_snakefile_imports_is_light() -> None:
    """Snakemake reads the Snakefile again and again: it must never wait for torch."""
    workflow = [
        f"recinterpreter.workflow.{m.stem}"
        for m in MODULES
        if m.parent.name == "workflow" and m.stem != "__init__"
    ]
    loaded = loaded_after("recinterpreter.configuration", *workflow)
    assert "pydantic" in loaded
    assert not {"torch", "transformers", "numpy", "polars", "pyarrow", "scipy"} & loaded
