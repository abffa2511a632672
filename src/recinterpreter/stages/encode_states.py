"""Write the hidden states of a trained recommender, before and after the last item of a history."""

from __future__ import annotations

import numpy as np

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.contents import content_digest
from recinterpreter.device import pick
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.models import load, trained_settings
from recinterpreter.recommenders.states import encode_examples
from recinterpreter.settings.recommenders import States
from recinterpreter.shards import ALL, BLOCK, Shard
from recinterpreter.ticker import Ticker


def encode_states(
    *,
    settings: States,
    batch_size: int,
    config: InputPath,
    weights: InputPath,
    examples: InputPath,
    states: OutputPath,
    shard: str = ALL,
) -> None:
    """Encode the history of every example in a stream; the memory used is that of a row group."""
    trained = trained_settings(config)
    device = pick()
    model = load(config, weights, device)
    facts = tables.metadata(examples)
    shape = list(model.state_shape)
    about = {
        "recommender": trained.name,
        "seed": trained.seed,
        "shape": shape,
        "checkpoint": content_digest(weights),
        "source": "recorded",
        "n_items": facts["n_items"],
    }
    precision = np.dtype(settings.precision)
    total, done = tables.read(examples, schemas.EXAMPLES, ["example_id"]).num_rows, 0
    own = Shard.parse(shard).of(total, BLOCK)
    ticker = Ticker("examples", len(own))
    schema = schemas.states_schema(shape[0], shape[1], settings.precision)
    with tables.Writer(states, schema, about) as writer:
        for rows in tables.read_batches(examples, batch_size, own):
            part = windows.from_rows(rows, facts["history"])
            writer.write(encode_examples(model, part, batch_size, precision))
            done += len(part)
            ticker.tick(done)


if __name__ == "__main__":
    command(encode_states)
