"""Stage: oracle items in words -> verdicts, which titles the LLM names for what was dreamt."""

from __future__ import annotations

import logging

import numpy as np

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.data.evaluated import last_examples
from recinterpreter.errors import UserError
from recinterpreter.scoring.matcher import OUTSIDE, AnswerForm, Catalogue
from recinterpreter.scoring.verdicts import judge

logger = logging.getLogger("recinterpreter")


def name_oracle_items(
    *,
    items: InputPath,
    examples: InputPath,
    oracles: InputPaths,
    answers: InputPaths,
    verdicts: OutputPath,
) -> None:
    """Judge every answer to an oracle item: expected is the item nearest to what was dreamt."""
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    catalogue = Catalogue({row["item_id"]: row["title"] for row in listed})
    table = tables.read(examples, schemas.EXAMPLES)
    last = dict(zip(table["example_id"].to_pylist(), last_examples(table).tolist(), strict=True))
    dreams = {}
    for path in oracles:
        rows = tables.read(path, schemas.ORACLE_ITEMS, ["example_id", "user_id", "item_id"])
        noted = tables.metadata(path)
        owner = noted["recommender"], noted["seed"]
        dreams[owner] = {r["example_id"]: r for r in rows.to_pylist()}
    found = []
    for path in answers:
        noted = tables.metadata(path)
        form = AnswerForm(noted["answer_prefix"], noted["answer_suffix"])
        cell = {key: noted[key] for key in ("recommender", "seed", "task", "adapter", "source")}
        dreamt = dreams[noted["recommender"], noted["seed"]]
        rows = tables.read(path, schemas.ANSWERS, ["example_id", "text"]).to_pylist()
        if {row["example_id"] for row in rows} != set(dreamt):
            raise UserError(f"{path} answers other examples than were dreamt for; delete it")
        for row in rows:
            example = dreamt[row["example_id"]]
            verdict = judge(catalogue, [example["item_id"]], catalogue.find(row["text"], form))
            place = {"example_id": row["example_id"], "user_id": example["user_id"]}
            text = {"last": last[row["example_id"]], "text": row["text"]}
            found.append({**cell, **place, **text, **vars(verdict)})
    outside = np.mean([not row["named"] or row["named"][0] == OUTSIDE for row in found])
    logger.info("%d answers, %.1f %% outside the catalogue", len(found), 100 * outside)
    tables.write_rows(verdicts, found, schemas.VERDICTS)


if __name__ == "__main__":
    command(name_oracle_items)
