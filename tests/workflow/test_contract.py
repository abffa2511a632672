"""docs/staleness.md, row by row: what a key or a module makes stale, by dry runs after a run."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from conftest import OTHERS, ROOT, TINY, Workflow, copy_sources
from other_values import keys, other, overlay
from raw_files import (
    write_amazon,
    write_lastfm,
    write_movielens,
    write_movielens_1m,
    write_own,
    write_steam,
)
from snakemake.utils import update_config

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "staleness.md").read_text(encoding="utf-8")
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
KEYS = list(keys(CONFIG))
# after any change the page, and after most of them the tests of tables: said once on the page
ALWAYS = {"write_report", "test_artefacts"}


class Row(NamedTuple):
    """A row of the page: what it is about, and its cells without what stands in brackets."""

    about: list[str]
    cells: list[str]


def rows(heading: str) -> list[Row]:
    """Return the rows of all tables below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = []
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith(("| keys", "| word", "| module")):
            first, *cells = (cell.strip() for cell in line[1:-1].split("|"))
            cells = [re.sub(r"\(.*\)", "", cell) for cell in cells]
            found.append(Row(re.findall(r"[`*]([^`, ]+?)[`*](?=,|$)", first), cells))
    return found


SHIPPED, ELSEWHERE, CODE = map(
    rows, ("Keys of what runs as shipped", "Keys of what does not run as shipped", "Code")
)
WORDS = {
    row.about[0]: set(re.findall(r"`(\w+)`", row.cells[0]))
    for row in [*SHIPPED, *ELSEWHERE]
    if len(row.cells) == 1
}


def row_of(key: str, table: list[Row]) -> Row | None:
    found = [
        row
        for row in table
        if len(row.cells) == 2 and any(fnmatchcase(key, pattern) for pattern in row.about)
    ]
    assert len(found) < 2, f"{key} stands in several rows"
    return found[0] if found else None


def named(cell: str, known: set[str]) -> set[str]:
    """Return the rules that a cell names, of those that the run has."""
    rules = set(re.findall(r"`(\w+)`", cell)).union(
        *(WORDS[word] for word in re.findall(r"\*(\w+)\*", cell))
    )
    if cell.startswith("all"):
        return known - rules - ALWAYS
    return rules & known


@pytest.mark.parametrize("key", KEYS)
def test_every_key_stands_in_one_row(key: str) -> None:
    assert (row_of(key, SHIPPED) is None) != (row_of(key, ELSEWHERE) is None)


Ask = Callable[..., dict[str, Any]]


def asked(workflow: Workflow, *configs: Path) -> Iterator[Ask]:
    """Answer by dry runs in the folder of a workflow; one process for all of them."""
    script = Path(__file__).with_name("dry_runs.py")
    with subprocess.Popen(
        [sys.executable, str(script), *map(str, configs)],
        cwd=workflow.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(config: dict[str, Any] | None = None, targets: list[str] | None = None) -> Any:
            question = json.dumps({"config": config or {}, "targets": targets or []})
            print(question, file=process.stdin, flush=True)
            answer = json.loads(process.stdout.readline())
            assert "error" not in answer, answer["error"]
            return {kind: set(rules) for kind, rules in answer.items()}

        yield ask
        process.stdin.close()


@pytest.fixture(scope="module")
def as_shipped(finished: Workflow) -> Iterator[Ask]:
    yield from asked(finished, TINY)


def targets_elsewhere(folder: str = "mine", release: int = 2018) -> list[str]:
    adapters = f"results/{folder}/embedded/adapters/sasrec/residual"
    return [
        "results/ml-100k/audit.parquet",
        "results/ml-1m/audit.parquet",
        "results/steam/audit.parquet",
        f"results/amazon-{release}-gift-cards/audit.parquet",
        "results/lastfm/audit.parquet",
        *(f"{adapters}/{kind}/seed0/config.json" for kind in ("mlp", "soft_tokens", "q_former")),
    ]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """What tests/configs/others.yaml adds, run for real as far as the adapters."""
    folder = tmp_path_factory.mktemp("elsewhere")
    copy_sources(folder)
    write_own(folder)
    write_steam(folder / "steam")
    write_movielens(folder / "movielens")
    write_movielens_1m(folder / "ml-1m")
    write_amazon(folder / "amazon")
    write_lastfm(folder / "lastfm")
    write_steam(folder / "elsewhere" / "steam", games=14)
    write_movielens(folder / "elsewhere" / "movielens", users=31)
    write_movielens_1m(folder / "elsewhere" / "ml-1m", users=31)
    write_amazon(folder / "elsewhere" / "amazon", users=31)
    write_lastfm(folder / "elsewhere" / "lastfm", users=31)
    for table, row in (("e.csv", "u1,i1,7"), ("i.csv", "i99,Another")):
        more = (folder / table).read_text() + row + "\n"
        (folder / "elsewhere" / table).write_text(more)
    workflow = Workflow(folder, TINY, OTHERS)
    run = workflow.run(*targets_elsewhere())
    assert run.returncode == 0, run.stdout
    yield from asked(workflow, TINY, OTHERS)


def values(*files: Path) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for file in files:
        update_config(config, yaml.safe_load(file.read_text(encoding="utf-8")))
    return keys(config)


def check(found: dict[str, set[str]], read: str, rerun: str) -> None:
    assert found["read"] - ALWAYS == named(read, found["known"])
    assert found["rerun"] - ALWAYS == named(rerun, found["known"])


def test_nothing_is_stale_after_the_run(as_shipped: Ask, elsewhere: Ask) -> None:
    assert as_shipped()["rerun"] == set()
    assert elsewhere(targets=targets_elsewhere())["rerun"] == set()


@pytest.mark.parametrize("key", [key for key in KEYS if row_of(key, SHIPPED)])
def test_a_key_makes_stale_what_its_row_says(as_shipped: Ask, key: str) -> None:
    row = row_of(key, SHIPPED)
    assert row is not None
    found = as_shipped(overlay(key, other(key, values(TINY)[key])))
    check(found, *row.cells)
    assert "write_report" in found["rerun"]
    assert ("test_artefacts" in found["rerun"]) == bool(row.cells[1].strip())


@pytest.mark.parametrize("key", [key for key in KEYS if row_of(key, ELSEWHERE)])
def test_a_key_that_nobody_reads_makes_the_page_stale_and_nothing_else(
    as_shipped: Ask, key: str
) -> None:
    if key in ("recommenders.search.names", "llm.revision"):
        pytest.skip("there is no other value that nobody reads")
    if key.endswith(".path") or key in ("data.events.events", "data.events.items"):
        value: Any = "x"
    else:
        value = other(key, values(TINY)[key])
    assert as_shipped(overlay(key, value))["rerun"] == {"write_report"}


@pytest.mark.parametrize("key", [key for key in KEYS if row_of(key, ELSEWHERE)])
def test_a_key_that_is_read_makes_stale_what_its_row_says(elsewhere: Ask, key: str) -> None:
    row = row_of(key, ELSEWHERE)
    assert row is not None
    value = other(key, values(TINY, OTHERS)[key])
    folder = value if key == "data.events.name" else "mine"
    release = value if key == "data.amazon.release" else 2018
    targets = targets_elsewhere(folder, release)
    if key == "llm.revision":
        targets = ["results/mine/org--model@abc/llm.json"]
    check(elsewhere(overlay(key, value), targets), *row.cells)


PACKAGES = sorted(
    folder.parent.name
    for folder in (ROOT / "src" / "recinterpreter").glob("*/__init__.py")
    if folder.parent.name != "recsysllm"
)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_has_a_module_in_a_row(package: str) -> None:
    assert any(module.startswith(f"{package}/") for row in CODE for module in row.about)


@pytest.mark.parametrize(
    ("module", "cells"), [(module, row.cells) for row in CODE for module in row.about]
)
def test_a_module_makes_stale_what_its_row_says(
    as_shipped: Ask, finished: Workflow, module: str, cells: list[str]
) -> None:
    source = finished.folder / "src" / "recinterpreter" / module
    before = source.read_text(encoding="utf-8")
    try:
        source.write_text(before.replace('"""', '"""In other words. ', 1) + "\n# said\n")
        assert as_shipped()["rerun"] == set()
        source.write_text(before + "\nX = 1\n")
        check(as_shipped(), *cells)
    finally:
        source.write_text(before)
