"""Stage: interactions -> examples, split into train, validation and test."""

from __future__ import annotations

import logging
from collections import Counter

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.split import SPLITS, examples_in_pieces
from recinterpreter.settings.data import Split

logger = logging.getLogger("recinterpreter")


def split_examples(*, settings: Split, interactions: InputPath, examples: OutputPath) -> None:
    """Expand every user's sequence into examples and split them."""
    metadata = {
        **tables.metadata(interactions),
        "history": settings.history,
        "unit": settings.unit,
    }
    events = tables.read(interactions, schemas.INTERACTIONS)
    counts: Counter[str] = Counter()
    with tables.Writer(examples, schemas.EXAMPLES, metadata) as writer:
        for piece in examples_in_pieces(events, settings):
            writer.write(piece)
            for found in piece["split"].value_counts().to_pylist():
                counts[found["values"]] += found["counts"]
    logger.info("examples: %s", ", ".join(f"{counts[name]} {name}" for name in SPLITS))


if __name__ == "__main__":
    command(split_examples)
