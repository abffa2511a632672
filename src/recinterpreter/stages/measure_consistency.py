"""Let a recommender read the histories that the LLM decoded: does it do what it did before?"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.data.evaluated import last_examples
from recinterpreter.device import pick
from recinterpreter.errors import UserError
from recinterpreter.interpretation.controls import derange
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.consistency import behave, resemblance
from recinterpreter.recommenders.models import load, trained_settings
from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.recommenders.windows import Windows
from recinterpreter.scoring.matcher import OUTSIDE, AnswerForm, Catalogue
from recinterpreter.scoring.verdicts import judge
from recinterpreter.settings.evidence import Consistency

logger = logging.getLogger("recinterpreter")

Histories = list[list[int]]


def measure_consistency(
    *,
    settings: Consistency,
    batch_size: int,
    config: InputPath,
    weights: InputPath,
    items: InputPath,
    interactions: InputPath,
    examples: InputPath,
    answers: InputPaths,
    consistency: OutputPath,
) -> None:
    """Encode and rank what recovery answers name, and, to compare, what another user's names.

    answers: to the recorded states of this recommender, a table for each adapter.
    """
    trained = trained_settings(config)
    device = pick()
    model = load(config, weights, device)
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    catalogue = Catalogue({row["item_id"]: row["title"] for row in listed})
    events = tables.read(interactions, schemas.INTERACTIONS)
    columns = (events[name].to_numpy() for name in ("user_id", "position", "item_id"))
    sequences = Sequences.of(*columns)
    table = tables.read(examples, schemas.EXAMPLES)
    facts = {"recommender": trained.name, "seed": trained.seed, "top": settings.top}
    with tables.Writer(consistency, schemas.CONSISTENCY, facts) as writer:
        for path in answers:
            asked, last = _asked(path, table, tables.metadata(examples)["history"])
            decoded = _decoded(path, asked, catalogue)
            real = behave(model, asked, sequences, settings.top, batch_size)
            for source, histories in _sources(decoded, asked.user_ids, settings.seed).items():
                alike = resemblance(model, asked, real, histories, sequences, batch_size)
                n = len(asked)
                of_example = {"example_id": asked.example_ids, "user_id": asked.user_ids}
                named = [len(history) for history in histories]
                cell = {"adapter": [tables.metadata(path)["adapter"]] * n, "source": [source] * n}
                writer.write({**cell, **of_example, "last": last, "named": named, **vars(alike)})
                logger.info("%s: overlap %.3f", source, alike.overlap.mean())


def _asked(path: Path, examples: pa.Table, history: int) -> tuple[Windows, np.ndarray]:
    """Return the examples that were answered, ids ascending, and which are their user's last."""
    ids = tables.read(path, schemas.ANSWERS, ["example_id"])["example_id"].to_numpy()
    marks = np.isin(examples["example_id"].to_numpy(), ids)
    if marks.sum() != len(ids):
        raise UserError(
            f"{path}: answers to {len(ids)} examples, of which the table of examples has "
            f"{marks.sum()}; delete the answers and run again"
        )
    chosen = examples.filter(pa.array(marks))
    return windows.from_rows(chosen, history), last_examples(examples)[marks]


def _decoded(path: Path, asked: Windows, catalogue: Catalogue) -> Histories:
    """Return the items that each answer names, in its order; those outside are left out."""
    noted = tables.metadata(path)
    form = AnswerForm(noted["answer_prefix"], noted["answer_suffix"])
    rows = tables.read(path, schemas.ANSWERS, ["example_id", "text"]).to_pydict()
    texts = dict(zip(rows["example_id"], rows["text"], strict=True))
    found = []
    for example, items, length in zip(asked.example_ids, asked.items, asked.lengths, strict=True):
        titles = catalogue.find(texts[example], form)
        named = judge(catalogue, items[:length].tolist(), titles).named
        found.append([item for item in named if item != OUTSIDE])
    return found


def _sources(decoded: Histories, user_ids: np.ndarray, seed: int) -> dict[str, Histories]:
    """Return the decoded histories, and in their place those of other users, if there are any."""
    if len(np.unique(user_ids)) < 2:
        return {"recorded": decoded}
    donors = derange(user_ids, seed)
    return {"recorded": decoded, "another_user": [decoded[donor] for donor in donors]}


if __name__ == "__main__":
    command(measure_consistency)
