"""Small data sets for the tests of recommenders: sequences of items, and the tables they make."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import torch

from recinterpreter import schemas, tables
from recinterpreter.data.split import build_examples
from recinterpreter.recommenders.ranking import Scorer, Sequences, hit_rate, ndcg, ranks
from recinterpreter.recommenders.windows import Windows, from_rows
from recinterpreter.settings.data import Split
from recinterpreter.settings.recommenders import RecommenderName, RecommenderTraining

RECOMMENDERS = get_args(RecommenderName)

_COMMON = {
    "embedding_size": 16,
    "batch_size": 32,
    "learning_rate": 0.01,
    "l2": 0.0,
    "dropout": 0.0,
    "averaging": 0.5,
    "epochs": 3,
    "patience": 10,
}
_OWN = {
    "gru4rec": {"layers": 1},
    "caser": {"filters": 4, "sizes": [2, 3]},
    "sasrec": {"layers": 2, "heads": 2},
    "dreamrec": {
        "layers": 1,
        "heads": 2,
        "item_table": "trained",
        "cross_entropy": 1.0,
        "denoiser": "mlp1",
        "schedule": "exp",
        "diffusion_steps": 50,
        "unconditional": 0.1,
        "guidance": 2.0,
        "sampling_steps": 10,
        "sampling_noise": 1.0,
    },
}


def training_settings(recommender: str, seed: int = 0, **changes: object) -> RecommenderTraining:
    """Settings of a model small enough to train within a test."""
    recipe = {**_COMMON, **_OWN[recommender], **changes}
    return RecommenderTraining.model_validate(
        {"recommender": recommender, "untrained": False, "seed": seed, "recipe": recipe}
    )


def interactions_of(sequences: Sequence[Sequence[int]]) -> pa.Table:
    """INTERACTIONS of users 1, 2, ... who met these items one a second."""
    lengths = [len(items) for items in sequences]
    users = np.repeat(np.arange(1, len(sequences) + 1), lengths)
    place = np.concatenate([np.arange(n) for n in lengths])
    items = np.concatenate([np.asarray(s) for s in sequences])
    columns = {"user_id": users, "item_id": items, "time": users * 1000 + place, "position": place}
    return pa.table(
        {f.name: pa.array(columns[f.name], f.type) for f in schemas.INTERACTIONS},
        schema=schemas.INTERACTIONS,
    )


def examples_of(sequences: Sequence[Sequence[int]], history: int, train: float = 0.8) -> pa.Table:
    """EXAMPLES of these sequences, split by sequence."""
    split = Split(unit="sequence", train=train, validation=0.1, history=history)
    return build_examples(interactions_of(sequences), split)


def windows_of(sequences: Sequence[Sequence[int]], history: int) -> Windows:
    """All examples of these sequences, whatever their split, by user and position."""
    split = Split(unit="sequence", train=0.8, validation=0.1, history=history)
    pad = [[1, 1]] * 10  # a split needs ten users
    rows = build_examples(interactions_of([*sequences, *pad]), split)
    windows = from_rows(rows, history)
    return windows.take(windows.user_ids <= len(sequences))


def write_tables(
    folder: Path, sequences: Sequence[Sequence[int]], history: int, n_items: int
) -> None:
    """Write interactions.parquet and examples.parquet as the data stages do."""
    facts = {"n_users": len(sequences), "n_items": n_items}
    path = folder / "interactions.parquet"
    tables.write(path, interactions_of(sequences), schemas.INTERACTIONS, facts)
    facts |= {"history": history, "unit": "sequence"}
    rows = examples_of(sequences, history)
    tables.write(folder / "examples.parquet", rows, schemas.EXAMPLES, facts)


def walks(follow: np.ndarray, users: int, length: int, seed: int) -> list[list[int]]:
    """Walks of the deterministic chain item -> follow[item], from random first items."""
    random = np.random.default_rng(seed)
    sequences = []
    for _ in range(users):
        items = [int(random.integers(1, len(follow)))]
        while len(items) < length:
            items.append(int(follow[items[-1]]))
        sequences.append(items)
    return sequences


def cycle(n_items: int, seed: int) -> np.ndarray:
    """One cycle through all items, in random order: follow[item] is the next item."""
    order = np.random.default_rng(seed).permutation(n_items) + 1
    follow = np.zeros(n_items + 1, np.int64)
    follow[order] = np.roll(order, -1)
    return follow


def wanderings(
    follow: np.ndarray, users: int, length: int, stray: float, seed: int
) -> list[list[int]]:
    """Walks of that chain which jump to any item with probability `stray`."""
    random = np.random.default_rng(seed)
    sequences = []
    for _ in range(users):
        items = [int(random.integers(1, len(follow)))]
        while len(items) < length:
            jump = int(random.integers(1, len(follow)))
            items.append(jump if random.random() < stray else int(follow[items[-1]]))
        sequences.append(items)
    return sequences


def study(
    sequences: Sequence[Sequence[int]], history: int
) -> tuple[Windows, Callable[[Scorer], Mapping[str, float]]]:
    """Examples of the first 80 % of the users, and the figures of a model on the others."""
    windows = windows_of(sequences, history)
    known = windows.user_ids <= 0.8 * len(sequences)
    seen, asked = Sequences.of_examples(windows), windows.take(~known)

    def validate(model: Scorer) -> Mapping[str, float]:
        places = ranks(model, asked, seen, torch.device("cpu"))
        hits = {f"hr@{cutoff}": hit_rate(places, cutoff) for cutoff in (1, 10, 20)}
        return {"ndcg@10": ndcg(places, 10), **hits}

    return windows.take(known), validate
