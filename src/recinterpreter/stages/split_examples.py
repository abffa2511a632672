"""Stage: interactions -> examples, split into train, validation and test."""

from __future__ import annotations

import logging

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.split import SPLITS, build_examples
from recinterpreter.settings.data import Split

logger = logging.getLogger("recinterpreter")


def split_examples(*, settings: Split, interactions: InputPath, examples: OutputPath) -> None:
    """Expand every user's sequence into examples and split them."""
    rows = build_examples(tables.read(interactions, schemas.INTERACTIONS), settings)
    split = rows["split"].to_numpy(zero_copy_only=False)
    logger.info("examples: %s", ", ".join(f"{(split == name).sum()} {name}" for name in SPLITS))
    metadata = {
        **tables.metadata(interactions),
        "history": settings.history,
        "unit": settings.unit,
    }
    tables.write(examples, rows, schemas.EXAMPLES, metadata)


if __name__ == "__main__":
    command(split_examples)
