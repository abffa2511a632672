"""Stage: answers -> verdicts, which items of the catalogue each answer names."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.data.evaluated import last_examples
from recinterpreter.errors import UserError
from recinterpreter.scoring.matcher import AnswerForm, Catalogue
from recinterpreter.scoring.verdicts import expected_items, judge

logger = logging.getLogger("recinterpreter")

Example = dict[str, Any]


def give_verdicts(
    *, items: InputPath, examples: InputPath, answers: InputPaths, verdicts: OutputPath
) -> None:
    """Judge every answer: which titles it names, and which of the expected items they are."""
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    catalogue = Catalogue({row["item_id"]: row["title"] for row in listed})
    known = _test_examples(tables.read(examples, schemas.EXAMPLES))
    with tables.Writer(verdicts, schemas.VERDICTS) as writer:
        for path in answers:
            rows = list(_judged(path, catalogue, known))
            writer.write(pa.Table.from_pylist(rows, schema=schemas.VERDICTS))
            logger.info("%s: %d of %d correct", path, sum(r["correct"] for r in rows), len(rows))


def _test_examples(examples: pa.Table) -> dict[int, Example]:
    """Test examples by id: user_id, last, history."""
    table = pl.from_arrow(examples.append_column("last", pa.array(last_examples(examples))))
    assert isinstance(table, pl.DataFrame)
    chosen = table.filter(pl.col("split") == "test")
    columns = chosen.select("example_id", "user_id", "last", "history")
    return {row["example_id"]: row for row in columns.iter_rows(named=True)}


def _judged(path: Path, catalogue: Catalogue, known: dict[int, Example]) -> Iterator[Example]:
    """Rows of VERDICTS for one file of answers."""
    noted = tables.metadata(path)
    form = AnswerForm(noted["answer_prefix"], noted["answer_suffix"])
    cell = {key: noted[key] for key in ("recommender", "seed", "task", "adapter", "source")}
    for answer in tables.read(path, schemas.ANSWERS, ["example_id", "text"]).to_pylist():
        example = known.get(answer["example_id"])
        if example is None:
            raise UserError(
                f"{path}: example {answer['example_id']} is not in the test split; the answers "
                "are of another split: delete the file and run again"
            )
        expected = expected_items(cell["task"], example["history"])
        verdict = judge(catalogue, expected, catalogue.find(answer["text"], form))
        yield {
            **cell,
            "example_id": answer["example_id"],
            "user_id": example["user_id"],
            "last": example["last"],
            "text": answer["text"],
            **vars(verdict),
        }


if __name__ == "__main__":
    command(give_verdicts)
