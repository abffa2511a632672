"""MovieLens-100K under leave-one-out, and the one scorer of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import torch

from recinterpreter.data.interactions import build_interactions
from recinterpreter.data.movielens import read_movielens
from recinterpreter.data.split import SPLITS, build_examples
from recinterpreter.data.titles import build_items
from recinterpreter.errors import UserError
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.ranking import Scorer, Sequences, hit_rate, ndcg, ranks
from recinterpreter.recommenders.windows import Windows
from recinterpreter.settings import Split, Titles

from .run import Quality

ROOT = Path(__file__).parents[3]
HISTORY = 10
# the shares do not count under leave-one-out
SPLIT = Split(unit="leave-one-out", train=0.8, validation=0.1, history=HISTORY)


@dataclass(frozen=True)
class Data:
    """EXAMPLES, the same as windows by split, and what every user has seen."""

    examples: pa.Table
    n_items: int
    windows: dict[str, Windows]
    sequences: Sequences

    def quality(self, scorer: Scorer, split: str) -> Quality:
        """Rank a split's targets in the whole catalogue without what their users have seen."""
        places = ranks(scorer, self.windows[split], self.sequences, torch.device("cpu"))
        return Quality(hit_rate(places, 10), ndcg(places, 10))


def read(movielens: Path) -> Data:
    """Read u.data and u.item and split them; UserError where they are absent."""
    if not movielens.exists():
        raise UserError(
            f"{movielens}: no such folder; wanted MovieLens-100K (u.data, u.item): give its "
            "folder or zip, make bench NAME=recommenders MOVIELENS=../data/ml-100k"
        )
    events, titles = read_movielens(movielens)
    items = build_items(titles, Titles(style="raw", allow_markup=False))
    _, interactions = build_interactions(events, items, None)
    return split(interactions, len(items))


def split(interactions: pa.Table, n_items: int) -> Data:
    """Split INTERACTIONS leaving one out."""
    examples = build_examples(interactions, SPLIT)
    parts = {
        name: windows.from_rows(examples.filter(pa.compute.equal(examples["split"], name)), HISTORY)
        for name in SPLITS
    }
    columns = (interactions[name].to_numpy() for name in ("user_id", "position", "item_id"))
    return Data(examples, n_items, parts, Sequences.of(*columns))
