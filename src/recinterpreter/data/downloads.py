"""The table of official files, read and checked.

The Snakefile imports it and hands each download its own row. No stage does, so that another row
makes no download stale but its own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from recinterpreter.errors import UserError
from recinterpreter.settings.downloads import Download

TABLE = Path(__file__).with_suffix(".yaml")


@functools.cache
def table(file: Path = TABLE) -> Mapping[str, Download]:
    """Return the rows by name. Raises UserError with the row and key that cannot be used."""
    rows = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(rows, list):
        raise UserError(f"{file}: wanted a list of rows, got {type(rows).__name__}")
    found: dict[str, Download] = {}
    for number, row in enumerate(rows, 1):
        download = _row(row, f"{file}: row {number}")
        if download.name in found:
            raise UserError(f"{file}: row {number}: name: {download.name} is taken by another row")
        found[download.name] = download
    return found


def row_json(file: str, dataset: str) -> str:
    """One line of JSON: the row of a file of a data set, as its download is handed it."""
    return next(row for each in table().values() if (row := each.of(file, dataset))).as_json()


def _row(row: Any, where: str) -> Download:
    try:
        return Download.model_validate(row)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        keys = "".join(f"{key}: " for key in wrong["loc"])
        raise UserError(f"{where}: {keys}got {wrong['input']!r}; {wrong['msg']}") from None
