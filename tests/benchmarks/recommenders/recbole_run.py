"""Train one model of RecBole; runs in RecBole's own environment, knows nothing of this project.

python recbole_run.py <job.json>: the job holds model, settings, data (the folder of the export),
history, and the names of what is written: scores (.npz) and report (.json).
"""

from __future__ import annotations

import copy
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model, init_seed

DATASET = "ours"


def configuration(job: dict, folder: Path) -> Config:
    """Return RecBole's defaults but for the data, the choice of the epoch, and job["settings"]."""
    values = {
        "data_path": job["data"],
        "checkpoint_dir": str(folder / "saved"),
        "benchmark_filename": ["train", "validation", "test"],
        "load_col": {
            "inter": ["user_id", "item_id_list", "item_id"],
            "item": ["item_id"],
        },
        "alias_of_item_id": ["item_id_list"],
        "MAX_ITEM_LIST_LENGTH": job["history"],
        "loss_type": "CE",
        "train_neg_sample_args": None,
        "metrics": ["NDCG", "Hit"],
        "topk": [10],
        "valid_metric": "NDCG@10",
        "use_gpu": False,
        "show_progress": False,
        "state": "WARNING",
        **job["settings"],
    }
    return Config(model=job["model"], dataset=DATASET, config_dict=values)


class Timed(Trainer):
    """RecBole's trainer that notes how long each epoch trained, apart from its validation.

    The weights of the best epoch stay in memory: RecBole would write them into a pickle.
    """

    def __init__(self, config: Config, model: torch.nn.Module) -> None:
        super().__init__(config, model)
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []
        self.best: dict[str, torch.Tensor] = {}

    def _save_checkpoint(self, *_: object, **__: object) -> None:
        self.best = copy.deepcopy(self.model.state_dict())

    def _train_epoch(self, *arguments: object, **named: object) -> object:
        started, used = time.perf_counter(), time.process_time()
        loss = super()._train_epoch(*arguments, **named)
        self.seconds.append(time.perf_counter() - started)
        self.cpu_seconds.append(time.process_time() - used)
        return loss


@torch.inference_mode()
def scores(model: torch.nn.Module, loader: object) -> dict[str, np.ndarray]:
    """Score the whole catalogue for the rows of a split, in their order and in our ids.

    users, targets: (B,); scores: (B, n_items + 1), -inf for padding.
    """
    dataset = loader.dataset
    model.eval()
    rows = dataset.inter_feat
    parts = [
        model.full_sort_predict(rows[start : start + 1024]).numpy()
        for start in range(0, len(rows), 1024)
    ]
    found = np.concatenate(parts).reshape(len(rows), dataset.item_num)
    ids = dataset.id2token("item_id", np.arange(1, dataset.item_num)).astype(np.int64)
    ours = np.full((len(rows), ids.max() + 1), -np.inf, np.float32)
    ours[:, ids] = found[:, 1:]
    users, targets = (
        dataset.id2token(name, rows[name].numpy()).astype(np.int64)
        for name in ("user_id", "item_id")
    )
    return {"users": users, "targets": targets, "scores": ours}


def main(job: dict, folder: Path) -> None:
    torch.set_num_threads(1)
    config = configuration(job, folder)
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    loaders = data_preparation(config, dataset)
    model = get_model(config["model"])(config, loaders[0].dataset)
    trainer = Timed(config, model)
    curve: list[float] = []

    def after_validation(epoch: int, score: float) -> None:
        curve.append(score)
        print(f"epoch {epoch + 1}: {trainer.seconds[-1]:.2f} s, NDCG@10 {score:.4f}", flush=True)

    started = time.perf_counter()
    best, _ = trainer.fit(loaders[0], loaders[1], verbose=False, callback_fn=after_validation)
    total = time.perf_counter() - started
    model.load_state_dict(trainer.best)
    found = {
        f"{split}_{name}": values
        for split, loader in (("validation", loaders[1]), ("test", loaders[2]))
        for name, values in scores(model, loader).items()
    }
    np.savez(job["scores"], **found)
    report = {
        "epoch_seconds": trainer.seconds,
        "epoch_cpu_seconds": trainer.cpu_seconds,
        "epochs": len(curve),
        "best_epoch": int(np.argmax(curve)) + 1,
        "total_seconds": total,
        "own_validation_ndcg10": float(best),
        "batch_size": config["train_batch_size"],
    }
    Path(job["report"]).write_text(json.dumps(report))


if __name__ == "__main__":
    path = Path(sys.argv[1])
    sys.argv = sys.argv[:1]  # RecBole's Config reads them too
    main(json.loads(path.read_text()), path.parent)
