"""Write the hidden states of edited histories, a table for each kind of edit."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPaths, command
from recinterpreter.contents import content_digest
from recinterpreter.device import pick
from recinterpreter.errors import UserError
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.models import load, trained_settings
from recinterpreter.recommenders.states import encode_examples
from recinterpreter.settings.evidence import EditedStates

logger = logging.getLogger("recinterpreter")


def encode_edits(
    *,
    settings: EditedStates,
    batch_size: int,
    config: InputPath,
    weights: InputPath,
    examples: InputPath,
    edits: InputPath,
    states: OutputPaths,
) -> None:
    """Encode edited histories as the real ones are: before is without the item that is now last."""
    if len(states) != len(settings.kinds):
        raise UserError(
            f"--states got {len(states)} files; wanted {len(settings.kinds)}, one for each of "
            f"{', '.join(settings.kinds)}"
        )
    trained = trained_settings(config)
    model = load(config, weights, pick())
    facts = tables.metadata(examples)
    positions, width = model.state_shape
    schema = schemas.states_schema(positions, width, settings.precision)
    about = {
        "recommender": trained.name,
        "seed": trained.seed,
        "shape": [positions, width],
        "checkpoint": content_digest(weights),
        "n_items": facts["n_items"],
    }
    known, edited = tables.read(examples, schemas.EXAMPLES), tables.read(edits, schemas.EDITS)
    for kind, path in zip(settings.kinds, states, strict=True):
        rows = edited.filter(pc.equal(edited["edit"], kind)).sort_by("example_id")
        shown = windows.from_rows(_with_histories(known, rows), facts["history"])
        columns = encode_examples(model, shown, batch_size, np.dtype(settings.precision))
        tables.write(path, columns, schema, {**about, "source": f"edit_{kind}"})
        logger.info("%s: %d histories", kind, len(shown))


def _with_histories(examples: pa.Table, edited: pa.Table) -> pa.Table:
    """Return the examples of EDITS rows, ids ascending, with the edited histories in place."""
    ids = edited["example_id"].to_numpy()
    chosen = examples.filter(pa.array(np.isin(examples["example_id"].to_numpy(), ids)))
    chosen = chosen.sort_by("example_id")
    if not np.array_equal(chosen["example_id"].to_numpy(), ids):
        raise UserError(
            "the edits are of other examples than the table of examples has; delete them and run "
            "again"
        )
    place = chosen.schema.get_field_index("history")
    return chosen.set_column(place, chosen.schema.field(place), edited["history"])


if __name__ == "__main__":
    command(encode_edits)
