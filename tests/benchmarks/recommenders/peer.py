"""RecBole's side: an environment of its own, one process for each training."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from _movielens import HISTORY, ROOT, Data
from torch import Tensor

from recinterpreter.errors import UserError
from recinterpreter.recommenders.sequence import SequenceBatch

from .export import export
from .run import Run, quality_of

HERE = Path(__file__).parent
ENVIRONMENT = ROOT / ".venv-recbole"
# PyTorch is that of the project: what is compared is RecBole's code, not another library.
REQUIREMENTS = (ROOT / "envs" / "torch.txt", HERE / "requirements.txt")

# Besides RecBole's own defaults; which one counts is chosen by validation NDCG@10.
VARIATIONS: dict[str, list[dict[str, Any]]] = {
    "GRU4Rec": [{}, {"learning_rate": 0.003}],
    "Caser": [{}, {"learning_rate": 0.003}],
    "SASRec": [{}, {"learning_rate": 0.003}],
}


class Scores:
    """Scores that RecBole gave to the rows of a split, as our ranking wants them."""

    def __init__(self, scores: np.ndarray, example_ids: np.ndarray) -> None:
        self.n_items = scores.shape[1] - 1
        self.table = torch.from_numpy(scores)
        self.order = np.argsort(example_ids)
        self.example_ids = example_ids[self.order]

    def scores(self, batch: SequenceBatch) -> Tensor:
        """Return the rows of these examples: (B, n_items + 1), padding -inf."""
        found = np.searchsorted(self.example_ids, batch.example_ids.numpy())
        return self.table[torch.from_numpy(self.order[found])]


def best(
    model: str, data: Data, epochs: int | None, kept: Path, only: dict[str, Any] | None
) -> Run:
    """Train RecBole's defaults and variations of a model, or one; return the best by validation."""
    python = prepare()
    runs = []
    for variation in VARIATIONS[model] if only is None else [only]:
        settings = variation | ({"epochs": epochs} if epochs else {})
        runs.append(train_recbole(python, model, settings, data, kept))
        print(runs[-1], flush=True)
    return max(runs, key=lambda run: run.validation.ndcg10)


def prepare() -> Path:
    """Make the environment unless it is there and its requirements are those; return its Python."""
    python, ready = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".ready"
    wanted = "".join(file.read_text() for file in REQUIREMENTS)
    if not (ready.is_file() and ready.read_text() == wanted):
        print(f"preparing {ENVIRONMENT.name} (some minutes, once)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        pip = [python, "-m", "pip", "install", "-qq"]
        torch_only, rest = REQUIREMENTS
        subprocess.run([*pip, "--requirement", torch_only], check=True)
        subprocess.run([*pip, "--no-deps", "--requirement", rest], check=True)
        ready.write_text(wanted)
    return python


def train_recbole(
    python: Path, model: str, settings: dict[str, Any], data: Data, kept: Path
) -> Run:
    """Train one model of RecBole with its defaults but for `settings`; rank it by our scorer."""
    label = f"{model} RecBole, {json.dumps(settings) if settings else 'its defaults'}"
    job: dict[str, Any] = {"model": model, "history": HISTORY, "settings": settings}
    key = hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:12]
    folder = kept / f"{model}-{key}"
    report, scores = folder / "report.json", folder / "scores.npz"
    if not report.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        export(data.examples, data.n_items, kept / "data")
        job |= {"data": str(kept / "data"), "report": str(report), "scores": str(scores)}
        (folder / "job.json").write_text(json.dumps(job))
        command = [python, "-W", "ignore", HERE / "recbole_run.py", folder / "job.json"]
        with open(folder / "log", "w") as log:
            done = subprocess.run(
                command,
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        if done.returncode:
            tail = "\n".join((folder / "log").read_text().splitlines()[-15:])
            raise UserError(f"{label} failed; the end of {folder / 'log'}:\n{tail}")
    return _judge(label, json.loads(report.read_text()), scores, data)


def _judge(label: str, report: dict[str, Any], scores: Path, data: Data) -> Run:
    """Rank the rows that RecBole scored, which must be ours, row by row."""
    found = {}
    with np.load(scores) as arrays:
        for split in ("validation", "test"):
            ours = data.windows[split]
            for name, wanted in (("users", ours.user_ids), ("targets", ours.targets)):
                if not np.array_equal(arrays[f"{split}_{name}"], wanted):
                    raise ValueError(f"{label}: RecBole's {split} {name} are not ours")
            scorer = Scores(arrays[f"{split}_scores"], ours.example_ids)
            found[split] = quality_of(data, scorer, split)
    return Run(
        label=label,
        validation=found["validation"],
        test=found["test"],
        epoch_seconds=median(report["epoch_seconds"]),
        epoch_cpu_seconds=median(report["epoch_cpu_seconds"]),
        epochs=report["epochs"],
        best_epoch=report["best_epoch"],
        total_seconds=report["total_seconds"],
        batch_size=report["batch_size"],
    )
