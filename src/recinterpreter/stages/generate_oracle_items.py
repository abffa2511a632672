"""Write what DreamRec dreams up for evaluated examples, and the states of history and dream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.contents import content_digest
from recinterpreter.data.evaluated import evaluated_examples, last_examples
from recinterpreter.device import pick
from recinterpreter.errors import UserError
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.dreamrec import DreamRec
from recinterpreter.recommenders.models import load, trained_settings
from recinterpreter.recommenders.oracle import dream
from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.settings.recommenders import OracleItems
from recinterpreter.ticker import Ticker


def generate_oracle_items(
    *,
    settings: OracleItems,
    config: InputPath,
    weights: InputPath,
    interactions: InputPath,
    examples: InputPath,
    states: OutputPath,
    oracle: OutputPath,
) -> None:
    """Dream up an oracle item for every evaluated example; STATES without and with it behind."""
    model, about = _load(config, weights)
    rows, last = _evaluated(tables.read(examples, schemas.EXAMPLES), settings)
    events = tables.read(interactions, schemas.INTERACTIONS)
    columns = (events[name].to_numpy() for name in ("user_id", "position", "item_id"))
    sequences = Sequences.of(*columns)
    precision = np.dtype(settings.precision)
    positions, width = model.state_shape
    schema = schemas.states_schema(positions, width, settings.precision)
    history = tables.metadata(examples)["history"]
    ticker = Ticker("oracle items", len(rows))
    with (
        tables.Writer(states, schema, about) as of_states,
        tables.Writer(oracle, schemas.oracle_schema(model.width), about) as of_items,
    ):
        for start in range(0, len(rows), settings.batch_size):
            part = windows.from_rows(rows.slice(start, settings.batch_size), history)
            read, dreamt = dream(model, part, sequences, settings.batch_size, precision)
            of_states.write(read)
            of_items.write({**dreamt, "last": last[start : start + len(part)]})
            ticker.tick(start + len(part))


def _load(config: Path, weights: Path) -> tuple[DreamRec, dict[str, Any]]:
    """Return the trained DreamRec, and what both tables say of it."""
    trained = trained_settings(config)
    model = load(config, weights, pick())
    if not isinstance(model, DreamRec):
        raise UserError(f"{config} is of {trained.recommender}; wanted dreamrec, no other dreams")
    about = {
        "recommender": trained.name,
        "seed": trained.seed,
        "shape": list(model.state_shape),
        "checkpoint": content_digest(weights),
        "source": "oracle",
        "n_items": model.n_items,
    }
    return model, about


def _evaluated(examples: pa.Table, settings: OracleItems) -> tuple[pa.Table, np.ndarray]:
    """Return the rows of the evaluated examples, and which of them are the last of their user."""
    chosen = evaluated_examples(examples, settings.sample, settings.seed)
    marks = np.isin(examples["example_id"].to_numpy(), chosen)
    return examples.filter(pa.array(marks)), last_examples(examples)[marks]


if __name__ == "__main__":
    command(generate_oracle_items)
