"""Ask decoders, with no LLM, what the LLM is asked of the same states: how much is in them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors import SafetensorError, safe_open

from recinterpreter import schemas, tables
from recinterpreter.bounds.decoders import Directions, fit
from recinterpreter.bounds.held import Held, drawn_examples, read_held
from recinterpreter.bounds.probing import items_met, named_items, ranks_of_targets, told
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.data.evaluated import evaluated_examples, last_examples
from recinterpreter.errors import UserError
from recinterpreter.scoring.matcher import Catalogue, Occurrence
from recinterpreter.scoring.verdicts import expected_items, judge
from recinterpreter.settings.adapters import Task
from recinterpreter.settings.evidence import Probing

logger = logging.getLogger("recinterpreter")


def probe_states(
    *,
    settings: Probing,
    weights: InputPaths,
    states: InputPath,
    items: InputPath,
    interactions: InputPath,
    examples: InputPath,
    probes: OutputPath,
) -> None:
    """Fit decoders to training states; write what they say of the states that the LLM is shown.

    weights: of the recommender, for its item table; none where an outside one brought no items,
    and then ridge, which aims at these, is not asked. states: of all examples.
    """
    table = tables.read(examples, schemas.EXAMPLES)
    chosen = [
        drawn_examples(table, "train", settings.examples, settings.seed),
        drawn_examples(table, "validation", settings.validation, settings.seed),
        evaluated_examples(table, settings.sample, settings.seed),
    ]
    training, validation, asked = read_held(states, table, chosen)
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    n_rows = len(listed) + 1
    item_table = _item_table(weights[0], n_rows) if weights else np.zeros((n_rows, 1))
    if not weights:
        left = [name for name in settings.decoders if name != "ridge"]
        settings = settings.model_copy(update={"decoders": left})
    marked = table.append_column("last", pa.array(last_examples(table)))
    rows = marked.take(pa.array(np.searchsorted(table["example_id"].to_numpy(), chosen[2])))
    marking = Marking(
        asked,
        Catalogue({row["item_id"]: row["title"] for row in listed}),
        items_met(rows, tables.read(interactions, schemas.INTERACTIONS), len(item_table)),
        int(tables.metadata(examples)["history"]),
    )
    noted = tables.metadata(states)
    about = {key: noted[key] for key in ("recommender", "seed")}
    about["settings"] = settings.model_dump()
    of_examples = {name: rows[name] for name in ("example_id", "user_id", "last")}
    with tables.Writer(probes, schemas.PROBES, about) as writer:
        for task in settings.tasks:
            learnt = told(task, training, settings.examples)
            held_out = told(task, validation, settings.validation)
            questions = told(task, asked).states
            directions = Directions.of(learnt.states, settings.components)
            for decoder in settings.decoders:
                score = fit(decoder, learnt, held_out, directions, item_table, settings)
                marks = marking.marks(task, score(questions))
                cell = {"probe": [decoder] * len(rows), "task": [task] * len(rows)}
                writer.write({**cell, **of_examples, **marks})
                logger.info("%s, %s: %s", task, decoder, _summary(marks))


@dataclass(frozen=True)
class Marking:
    """What N evaluated examples are marked by.

    met: (N, V) the items that each user has met; history: the most items of a history, which is
    how many are named in recovery.
    """

    asked: Held
    catalogue: Catalogue
    met: np.ndarray
    history: int

    def marks(self, task: Task, scores: np.ndarray) -> dict[str, Any]:
        """Return columns of PROBES, expected to rank; scores: a row for each state asked."""
        nothing = [None] * len(self.asked)
        if task == "preference":
            rank = ranks_of_targets(scores, self.asked.targets, self.met)
            expected = np.ones_like(rank)
            return {"expected": expected, "hits": nothing, "correct": nothing, "rank": rank}
        if task == "recovery":
            named = named_items(scores, self.asked.lengths, self.history)
        else:
            named = named_items(scores, np.ones_like(self.asked.lengths), 1)
        verdicts = [
            judge(self.catalogue, expected_items(task, history), self._said(items))
            for history, items in zip(self.asked.histories, named.tolist(), strict=True)
        ]
        return {
            "expected": [len(verdict.expected) for verdict in verdicts],
            "hits": [verdict.hits for verdict in verdicts],
            "correct": [verdict.correct for verdict in verdicts],
            "rank": nothing,
        }

    def _said(self, items: list[int]) -> list[Occurrence]:
        """Name items as an answer would, by their titles."""
        return [Occurrence(self.catalogue.title_of(item), 0, 0) for item in items]


def _summary(marks: dict[str, Any]) -> str:
    if marks["hits"][0] is None:
        return f"the next item is among the best ten of {np.mean(marks['rank'] <= 10):.1%}"
    return f"{np.mean(marks['hits']):.2f} of {np.mean(marks['expected']):.2f} items named"


def _item_table(weights: Path, rows: int) -> np.ndarray:
    """Read a recommender's item table (V, D) of so many rows; UserError where it has none such."""
    try:
        with safe_open(weights, framework="numpy") as file:
            found: np.ndarray = file.get_tensor("item_table.weight")
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{weights}: no item table can be read from it ({error}); train the recommender again"
        ) from error
    if len(found) != rows:
        raise UserError(
            f"{weights}: its item table has {len(found)} rows, wanted {rows}, one more than there "
            "are items; train the recommender again"
        )
    return found


if __name__ == "__main__":
    command(probe_states)
