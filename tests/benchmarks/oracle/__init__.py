"""DreamRec on MovieLens-100K: dreams in few steps, in all of them, and as its authors released it.

All is on the split by sequence with histories of ten, one thread. Quality is HR@20 of all test
windows: the whole catalogue, what the user has seen left out, ties against the model. Ours is
trained with the recipe of workflow/presets/ml-100k.yaml and ranked twice with the same weights,
with all T steps (ancestral, the paper's way) and with the recipe's few; SASRec of the same preset
stands beside it. The released way is that of `authors`, trained anew for its quality; for its
speed it samples with the weights of ours.

Takes five to fifteen minutes. Variables of the environment, or of the command line of `make bench`:

MOVIELENS  folder or zip of ml-100k     KEPT    folder that keeps trained weights
EPOCHS     at most so many, for all     REPEATS of each timing, 5
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from _movielens import BY_SEQUENCE, HISTORY, MOVIELENS, Data, read

from recinterpreter.recommenders.dreamrec import DreamRec
from recinterpreter.recommenders.sequence import SequentialRecommender
from recinterpreter.scoring.statistics import UserBootstrap

from . import authors, ours, speed

CUTOFF = 20

Figure = tuple[str, float, str]


def main() -> Iterator[Figure]:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    data = read(Path(os.environ.get("MOVIELENS") or MOVIELENS), BY_SEQUENCE)
    epochs = int(os.environ["EPOCHS"]) if os.environ.get("EPOCHS") else None
    repeats = int(os.environ.get("REPEATS") or 5)
    sasrec_recipe, dreamrec_recipe = (ours.recipe(name, epochs) for name in ours.NAMES)
    yield "random HR@20", CUTOFF / data.n_items, ""
    yield from _released(data, epochs)
    with TemporaryDirectory() as folder:
        kept = Path(os.environ.get("KEPT") or folder).resolve()
        sasrec = ours.trained(sasrec_recipe, data, kept)
        items = ours.folder_of(sasrec_recipe, kept) / "model.safetensors"
        dreamrec = ours.trained(dreamrec_recipe, data, kept, items)
    assert isinstance(dreamrec, DreamRec)
    yield from _quality(data, sasrec, dreamrec)
    yield from speed.compare(dreamrec, data.windows["test"], repeats)


def _released(data: Data, epochs: int | None) -> Iterator[Figure]:
    """Train the released way; how good it is, and what its loss does to the items."""
    model = authors.AsReleased(data.n_items, HISTORY, seed=0)
    spread = model.spread()
    loss = model.train_on(data.windows["train"], min(epochs or authors.EPOCHS, authors.EPOCHS))
    yield "as released, epochs", min(epochs or authors.EPOCHS, authors.EPOCHS), ""
    yield "as released, steps T", authors.STEPS, ""
    yield "as released, loss of the last epoch", loss, ""
    yield "as released, length of an item before", spread, ""
    yield "as released, length of an item after", model.spread(), ""
    yield "as released HR@20", float((data.ranks(model) <= CUTOFF).mean()), ""


def _quality(data: Data, sasrec: SequentialRecommender, dreamrec: DreamRec) -> Iterator[Figure]:
    """HR@20 with few steps and with all, paired by window; users are drawn again."""
    recipe = dreamrec.recipe
    few = data.ranks(dreamrec) <= CUTOFF
    ancestral = {"sampling_steps": recipe.diffusion_steps, "sampling_noise": 1.0}
    dreamrec.recipe = recipe.model_copy(update=ancestral)
    full = data.ranks(dreamrec) <= CUTOFF
    dreamrec.recipe = recipe
    users = UserBootstrap(data.windows["test"].user_ids, 0.95, 2000, 0)
    difference = users.difference(few, full)
    floor = float((data.ranks(sasrec) <= CUTOFF).mean())
    yield "test windows", len(few), ""
    yield "test users", users.n_users, ""
    yield "SASRec HR@20", floor, ""
    yield "few / SASRec", few.mean() / floor, ""
    yield "full / SASRec", full.mean() / floor, ""
    yield "steps, few", recipe.sampling_steps, ""
    yield "steps, full", recipe.diffusion_steps, ""
    yield "hr20_full", float(full.mean()), ""
    yield "hr20_few", float(few.mean()), ""
    yield "hr20_difference", difference.value, "few - full"
    yield "hr20_difference_low", difference.low, "few - full"
    yield "hr20_difference_high", difference.high, "few - full"
