"""Tests of what a run made; the rule test_artefacts names the files with --artefacts."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from recinterpreter import schemas, tables


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--artefacts", nargs="+", type=Path, help="files of one data set to test")


class Artefacts:
    """The files of one data set, found by the pattern of their path."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def all(self) -> list[Path]:
        return list(self._paths)

    def paths(self, pattern: str) -> list[Path]:
        found = [path for path in self._paths if path.match(pattern)]
        assert found, f"no artefact matches {pattern}"
        return found

    def path(self, pattern: str) -> Path:
        (found,) = self.paths(pattern)
        return found

    def frame(self, pattern: str, schema: pa.Schema) -> pl.DataFrame:
        return frame(self.path(pattern), schema)


def frame(path: Path, schema: pa.Schema) -> pl.DataFrame:
    """Read a table, insist on its schema and on the absence of nulls where it forbids them."""
    table = tables.read(path, schema)
    for field in schema:
        assert field.nullable or not table[field.name].null_count, f"{path}: null {field.name}"
    read = pl.from_arrow(table)
    assert isinstance(read, pl.DataFrame)
    return read


@pytest.fixture(scope="session")
def artefacts(request: pytest.FixtureRequest) -> Artefacts:
    paths = request.config.getoption("--artefacts", default=None)
    if not paths:
        pytest.skip("runs inside the workflow: snakemake results/demo/artefacts.xml")
    return Artefacts(paths)


@pytest.fixture(scope="session")
def items(artefacts: Artefacts) -> pl.DataFrame:
    return artefacts.frame("items.parquet", schemas.ITEMS)


@pytest.fixture(scope="session")
def interactions(artefacts: Artefacts) -> pl.DataFrame:
    return artefacts.frame("interactions.parquet", schemas.INTERACTIONS)


@pytest.fixture(scope="session")
def examples(artefacts: Artefacts) -> pl.DataFrame:
    return artefacts.frame("examples.parquet", schemas.EXAMPLES)
