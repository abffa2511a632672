"""MovieLens-100K split as a benchmark wants it, as a table and as windows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from recinterpreter import schemas, tables
from recinterpreter.data.interactions import build_interactions
from recinterpreter.data.readers.ml_100k import read_movielens
from recinterpreter.data.split import SPLITS, build_examples
from recinterpreter.data.titles import build_items
from recinterpreter.errors import UserError
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.ranking import Scorer, Sequences, ranks
from recinterpreter.recommenders.windows import Windows
from recinterpreter.settings.data import Split, Titles

ROOT = Path(__file__).parents[2]
MOVIELENS = ROOT.parent / "shared" / "data" / "movielens" / "ml-100k"
HISTORY = 10
BY_SEQUENCE = Split(unit="sequence", train=0.8, validation=0.1, history=HISTORY)
# the shares do not count here
LEAVE_ONE_OUT = Split(unit="leave-one-out", train=0.8, validation=0.1, history=HISTORY)


@dataclass(frozen=True)
class Data:
    """EXAMPLES, the same as windows by split, and what every user has seen."""

    examples: pa.Table
    n_items: int
    unit: str
    windows: dict[str, Windows]
    sequences: Sequences

    def ranks(self, scorer: Scorer, part: str = "test") -> np.ndarray:
        """Rank a split's targets in the whole catalogue without what their users have seen."""
        return ranks(scorer, self.windows[part], self.sequences, torch.device("cpu"))

    def write(self, path: Path) -> None:
        """Write examples.parquet as split_examples does."""
        facts = {"n_items": self.n_items, "history": HISTORY, "unit": self.unit}
        tables.write(path, self.examples, schemas.EXAMPLES, facts)


def read(movielens: Path, settings: Split) -> Data:
    """Read u.data and u.item and split them; UserError where they are absent."""
    if not movielens.exists():
        raise UserError(
            f"{movielens}: no such folder; wanted MovieLens-100K (u.data, u.item): give its "
            "folder or zip, make bench NAME=... MOVIELENS=../data/ml-100k"
        )
    events, titles = read_movielens(movielens)
    items = build_items(titles, Titles(style="raw", allow_markup=False))
    _, interactions = build_interactions(events, items, None)
    return split(interactions, len(items), settings)


def split(interactions: pa.Table, n_items: int, settings: Split) -> Data:
    """Split INTERACTIONS."""
    examples = build_examples(interactions, settings)
    parts = {
        name: windows.from_rows(examples.filter(pa.compute.equal(examples["split"], name)), HISTORY)
        for name in SPLITS
    }
    columns = (interactions[name].to_numpy() for name in ("user_id", "position", "item_id"))
    return Data(examples, n_items, settings.unit, parts, Sequences.of(*columns))
