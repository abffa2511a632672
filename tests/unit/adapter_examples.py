"""Small examples of what an adapter is trained on, and settings to train it with."""

from typing import get_args

import numpy as np
import torch
from language_models import TITLES

from recinterpreter.interpretation.shown import Asked, ShownStates
from recinterpreter.language_model.adapters import ConvLinearAdapter
from recinterpreter.settings.adapters import AdapterKind, AdapterTraining, Task

POSITIONS, WIDTH = 4, 24
KINDS: tuple[AdapterKind, ...] = get_args(AdapterKind)
SIZES: dict[AdapterKind, dict[str, int]] = {
    "mlp": {"hidden": 40},
    "soft_tokens": {"tokens": 3},
    "q_former": {"queries": 5, "query_width": 16, "layers": 1, "heads": 2},
}


def settings(kind: AdapterKind = "conv_linear", **changes: object) -> AdapterTraining:
    """Settings of a short training, for a small adapter of any kind."""
    values: dict[str, object] = {
        "domain": "movies",
        "seed": 3,
        "task": "residual",
        "preferred": None,
        "adapter": kind,
        "sizes": SIZES.get(kind),
        "loading": {"revision": None, "precision": "auto", "weights": "full"},
        "standardise": "whiten",
        "closed_form_start": False,
        "warm_start_steps": 0,
        "epochs": 3,
        "patience": None,
        "averaging": 0.0,
        "examples_per_epoch": None,
        "batch_size": 16,
        "batches_by_length": True,
        "learning_rate_first": 1e-2,
        "learning_rate": 1e-2,
        "rising_epochs": 1,
        "l2": 0.0,
    }
    return AdapterTraining.model_validate({**values, **changes})


def asked_about(n: int, task: Task, seed: int = 0) -> Asked:
    """Histories of random items; the state at a position is the item's own random vector."""
    random = np.random.default_rng(seed)
    table = np.random.default_rng(99).normal(size=(len(TITLES) + 1, WIDTH)).astype(np.float32)
    histories = random.integers(1, len(TITLES) + 1, size=(n, POSITIONS))
    after = table[histories]
    mask = np.ones((n, POSITIONS), bool)
    if task != "residual":
        states = ShownStates(np.arange(1, n + 1), after[:, None], mask[:, None])
        return Asked(states, (histories if task == "recovery" else histories[:, -1:]).tolist())
    short = mask & (np.arange(POSITIONS) < POSITIONS - 1)
    values = np.stack([after * short[..., None], after], 1)
    states = ShownStates(np.arange(1, n + 1), values, np.stack([short, mask], 1))
    return Asked(states, histories[:, -1:].tolist())


def new_adapter(hidden_size: int) -> ConvLinearAdapter:
    torch.manual_seed(0)
    return ConvLinearAdapter(POSITIONS, WIDTH, hidden_size, scale=0.2)
