"""Hold answers to edited histories against those to the histories as they were."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.errors import UserError
from recinterpreter.scoring.comparison import RECORDED, Cell
from recinterpreter.scoring.edits import Wanted, marks, said, wanted_of
from recinterpreter.scoring.matcher import AnswerForm, Catalogue

logger = logging.getLogger("recinterpreter")

Texts = dict[int, str]
Titles = dict[int, tuple[int, ...]]


def check_edits(
    *,
    items: InputPath,
    examples: InputPath,
    edits: InputPath,
    answers: InputPaths,
    checked: OutputPath,
) -> None:
    """Say of every answer to an edited history how far it follows, and stays elsewhere.

    answers: to recorded states and to edits of any number of cells, in any order.
    """
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    catalogue = Catalogue({row["item_id"]: row["title"] for row in listed})
    rows = tables.read(examples, schemas.EXAMPLES, ["example_id", "history"]).to_pydict()
    histories = dict(zip(rows["example_id"], rows["history"], strict=True))
    edited = tables.read(edits, schemas.EDITS).to_pylist()
    users = {row["example_id"]: row["user_id"] for row in edited}
    with tables.Writer(checked, schemas.EDIT_VERDICTS) as writer:
        for cell, paths in _by_cell(answers).items():
            task = str(cell.task)
            wanted = _wanted(task, edited, histories, catalogue)
            if wanted.keys() | {RECORDED} != paths.keys():
                raise UserError(
                    f"{cell}: answers to {', '.join(sorted(paths))}; wanted {RECORDED} and "
                    f"{', '.join(sorted(wanted))}: delete the answers of this cell and run again"
                )
            found = list(_checked(task, paths, wanted, catalogue))
            rows_of_cell = [
                {key: getattr(cell, key) for key in ("recommender", "seed", "task", "adapter")}
                | {"user_id": users[row["example_id"]], **row}
                for row in found
            ]
            writer.write(pa.Table.from_pylist(rows_of_cell, schema=schemas.EDIT_VERDICTS))
            logger.info("%s, %s: %d answers to edits", cell.recommender, task, len(found))


def _by_cell(paths: InputPaths) -> dict[Cell, dict[str, Path]]:
    cells: dict[Cell, dict[str, Path]] = {}
    for path in paths:
        noted = tables.metadata(path)
        cell = Cell(noted["recommender"], noted["seed"], noted["task"], noted["adapter"])
        cells.setdefault(cell, {})[noted["source"]] = path
    return cells


def _wanted(
    task: str,
    edited: list[dict[str, Any]],
    histories: Mapping[int, list[int]],
    catalogue: Catalogue,
) -> dict[str, dict[int, Wanted]]:
    """Say what each edit asks for: source -> example -> wanted."""
    found: dict[str, dict[int, Wanted]] = {}
    for row in edited:
        was, now = (
            [catalogue.title_of(item) for item in history]
            for history in (histories[row["example_id"]], row["history"])
        )
        wanted = wanted_of(task, was, now, row["positions"])
        found.setdefault(f"edit_{row['edit']}", {})[row["example_id"]] = wanted
    return found


def _checked(
    task: str,
    paths: Mapping[str, Path],
    wanted: Mapping[str, Mapping[int, Wanted]],
    catalogue: Catalogue,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of EDIT_VERDICTS of one cell, without what names it and the user."""
    texts, titles = {}, {}
    for source, path in paths.items():
        texts[source], titles[source] = _read(task, path, catalogue)
    before = titles.pop(RECORDED)
    for source, example, mark in marks(wanted, before, titles):
        (follows, luck), (stays, stays_luck) = (pair or (None, None) for pair in mark)
        yield {
            "source": source,
            "example_id": example,
            "follows": follows,
            "follows_by_chance": luck,
            "stays": stays,
            "stays_by_chance": stays_luck,
            "text": texts[source][example],
        }


def _read(task: str, path: Path, catalogue: Catalogue) -> tuple[Texts, Titles]:
    """Read answers: by example, their texts and the titles they count as naming."""
    noted = tables.metadata(path)
    form = AnswerForm(noted["answer_prefix"], noted["answer_suffix"])
    rows = tables.read(path, schemas.ANSWERS, ["example_id", "text"]).to_pylist()
    texts = {row["example_id"]: row["text"] for row in rows}
    titles = {
        example: said(task, [o.title for o in catalogue.find(text, form)])
        for example, text in texts.items()
    }
    return texts, titles


if __name__ == "__main__":
    command(check_edits)
