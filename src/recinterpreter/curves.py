"""Curves of a training in TensorBoard, for those who want to watch it there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from recinterpreter.errors import UserError

# Where to is no setting: it changes no result, so it must not make one stale.
FOLDER = "RECINTERPRETER_TENSORBOARD"


class Curves:
    """Write figures by step below the folder that RECINTERPRETER_TENSORBOARD names, if it does."""

    def __init__(self, name: str) -> None:
        """Begin the curves of one training; UserError where TensorBoard is not installed."""
        folder = os.environ.get(FOLDER)
        self._writer: Any = _writer(Path(folder) / name) if folder else None

    def add(self, step: int, **figures: float) -> None:
        """Add a point to the curve of each figure."""
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write out what is left."""
        if self._writer is not None:
            self._writer.close()


def _writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError(
            f"{FOLDER} is set, and TensorBoard is not installed; pip install tensorboard, or unset "
            "it: the figures of every epoch are in steps.parquet in any case"
        ) from error
    return SummaryWriter(folder)
