"""Write what DreamRec dreams up for evaluated examples, and the states of history and dream."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.contents import content_digest
from recinterpreter.data.evaluated import evaluated_examples, last_examples
from recinterpreter.device import pick
from recinterpreter.errors import UserError
from recinterpreter.kept import Kept
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.dreamrec import DreamRec
from recinterpreter.recommenders.models import load, trained_settings
from recinterpreter.recommenders.oracle import dream
from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.settings.recommenders import OracleItems
from recinterpreter.shards import ALL, BLOCK, Shard
from recinterpreter.ticker import Ticker


def generate_oracle_items(
    *,
    settings: OracleItems,
    batch_size: int,
    config: InputPath,
    weights: InputPath,
    interactions: InputPath,
    examples: InputPath,
    states: OutputPath,
    oracle: OutputPath,
    progress: Progress,
    shard: str = ALL,
) -> None:
    """Dream up an oracle item for every evaluated example; STATES without and with it behind."""
    model, about = _load(config, weights)
    rows = _evaluated(tables.read(examples, schemas.EXAMPLES), settings)
    own = Shard.parse(shard).of(len(rows), BLOCK)
    rows = rows.slice(own.start, len(own))
    events = tables.read(interactions, schemas.INTERACTIONS)
    columns = (events[name].to_numpy() for name in ("user_id", "position", "item_id"))
    sequences = Sequences.of(*columns)
    of_states = schemas.states_schema(*model.state_shape, settings.precision)
    of_items = schemas.oracle_schema(model.width)
    precision = np.dtype(settings.precision)
    kept = Kept(progress, pa.unify_schemas([of_states, of_items]))
    history = tables.metadata(examples)["history"]
    ticker, done = Ticker("oracle items", len(rows)), 0
    with (
        tables.Writer(states, of_states, about) as extended,
        tables.Writer(oracle, of_items, about) as dreamt,
    ):
        for part in _dreamt(model, rows, sequences, precision, batch_size, history, kept):
            extended.write(part)
            dreamt.write(part)
            done += len(part)
            ticker.tick(done)
    progress.clear()


def _dreamt(
    model: DreamRec,
    rows: pa.Table,
    sequences: Sequences,
    precision: np.dtype[np.floating],
    batch_size: int,
    history: int,
    kept: Kept,
) -> Iterator[pa.Table]:
    """Yield the columns of both tables for some examples after others, first those kept."""
    done = 0
    for part in kept.earlier():
        done += len(part)
        yield part
    for start in range(done, len(rows), batch_size):
        part = rows.slice(start, batch_size)
        examples = windows.from_rows(part, history)
        read, made = dream(model, examples, sequences, batch_size, precision)
        table = tables.table({**read, **made, "last": part["last"]}, kept.schema)
        kept.add(table)
        yield table


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


def _evaluated(examples: pa.Table, settings: OracleItems) -> pa.Table:
    """Return the rows of the evaluated examples, with the mark of each user's last."""
    chosen = evaluated_examples(examples, settings.sample, settings.seed)
    marked = examples.append_column("last", pa.array(last_examples(examples)))
    return marked.filter(pa.array(np.isin(examples["example_id"].to_numpy(), chosen)))


if __name__ == "__main__":
    command(generate_oracle_items)
