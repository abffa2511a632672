"""GRU4Rec, Caser and SASRec against RecBole 1.2.1 on MovieLens-100K: quality and seconds per epoch.

Both see the same leave-one-out split with histories of ten, the same embedding size and one
thread, predict every training transition once an epoch, and are ranked by one scorer: the whole
catalogue, what the user has seen left out, ties against the model. RecBole has its own defaults
and the variations of `peer.VARIATIONS`, ours the settings of workflow/presets/leave-one-out.yaml;
epochs and variations are chosen on validation. Seconds of an epoch are medians without validation;
their ratio is of processor seconds, which other work on the machine does not stretch.

RecBole trains for hours. Variables of the environment, or of the command line of `make bench`:

MOVIELENS  folder or zip of ml-100k     MODELS  of "gru4rec caser sasrec"
SEEDS      of ours, "0 1 2"             EPOCHS  at most so many, for both
KEPT       folder that keeps RecBole's runs, and gives back those it holds
PEER       settings of RecBole as JSON, in place of its defaults and variations
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import torch
from _movielens import LEAVE_ONE_OUT, MOVIELENS, Data, read

from recinterpreter.recommenders.baselines import BASELINES

from . import ours, peer
from .run import Run, quality_of

MODELS = {"gru4rec": "GRU4Rec", "caser": "Caser", "sasrec": "SASRec"}

Figure = tuple[str, float, str]


def main() -> Iterator[Figure]:
    torch.set_num_threads(1)
    data = read(Path(os.environ.get("MOVIELENS") or MOVIELENS), LEAVE_ONE_OUT)
    names = (os.environ.get("MODELS") or " ".join(MODELS)).split()
    seeds = [int(seed) for seed in (os.environ.get("SEEDS") or "0 1 2").split()]
    epochs = int(os.environ["EPOCHS"]) if os.environ.get("EPOCHS") else None
    only = json.loads(os.environ["PEER"]) if os.environ.get("PEER") else None
    for name in names:  # what is wrong with them is told before hours of training
        ours.settings(name, epochs)
    yield from _floors(data)
    results = {}
    with TemporaryDirectory() as folder:
        kept = Path(os.environ.get("KEPT") or folder).resolve()
        for name in names:
            theirs = peer.best(MODELS[name], data, epochs, kept, only)
            mine = [_said(ours.train_ours(name, seed, data, epochs)) for seed in seeds]
            results[name] = theirs, mine
            yield from _figures(name, theirs, mine)
    yield from _verdict(results)


def _floors(data: Data) -> Iterator[Figure]:
    for name, baseline in BASELINES.items():
        quality = quality_of(data, baseline(data.windows["train"], data.n_items), "test")
        yield f"{name} HR@10", quality.hr10, ""
        yield f"{name} NDCG@10", quality.ndcg10, ""


def _said(run: Run) -> Run:
    print(run, flush=True)
    return run


def _figures(name: str, theirs: Run, mine: list[Run]) -> Iterator[Figure]:
    for who, runs in (("RecBole", [theirs]), ("ours", mine)):
        yield f"{name} {who} HR@10", fmean(run.test.hr10 for run in runs), ""
        yield f"{name} {who} NDCG@10", fmean(run.test.ndcg10 for run in runs), ""
        yield f"{name} {who} epoch", fmean(run.epoch_seconds for run in runs), "s"
        yield f"{name} {who} epoch, processor", fmean(run.epoch_cpu_seconds for run in runs), "s"
        yield f"{name} {who} epochs", fmean(run.epochs for run in runs), ""
        yield f"{name} {who} training", fmean(run.total_seconds for run in runs), "s"
        yield f"{name} {who} batch", runs[0].batch_size, "rows"


def _verdict(results: dict[str, tuple[Run, list[Run]]]) -> Iterator[Figure]:
    """Compare the worst of ours with RecBole's, and name the best of ours by validation."""
    quality = [
        fmean(run.test.ndcg10 for run in mine) / theirs.test.ndcg10
        for theirs, mine in results.values()
    ]
    # of the processor: with one thread what a clock says on a machine with nothing else to do
    seconds = [
        fmean(run.epoch_cpu_seconds for run in mine) / theirs.epoch_cpu_seconds
        for theirs, mine in results.values()
    ]
    _, best = max(results.values(), key=lambda pair: fmean(r.validation.ndcg10 for r in pair[1]))
    yield "ndcg10_ratio_min", min(quality), "ours / RecBole's"
    yield "epoch_seconds_ratio_max", max(seconds), "ours / RecBole's"
    yield "best_hr10", fmean(run.test.hr10 for run in best), ""
    yield "best_ndcg10", fmean(run.test.ndcg10 for run in best), ""
