"""Training a recommender: a generator that reports; its caller logs, counts and stops.

All randomness of an epoch is drawn from (seed, epoch), so that a training killed and resumed from
its last finished epoch ends with the very weights of one that was never interrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from recinterpreter import training_state
from recinterpreter.checkpoint import Progress
from recinterpreter.errors import UserError
from recinterpreter.recommenders.ranking import BrokenScores
from recinterpreter.recommenders.sequence import SequentialRecommender
from recinterpreter.recommenders.windows import Windows, training_rows
from recinterpreter.settings.recommenders import RecommenderName, RecommenderTraining

# What the best epoch is chosen by, on the validation split.
CHOICE: dict[RecommenderName, str] = {
    "gru4rec": "ndcg@10",
    "caser": "ndcg@10",
    "sasrec": "ndcg@10",
    "dreamrec": "hr@20",
}
Validate = Callable[[SequentialRecommender], Mapping[str, float]]


@dataclass(frozen=True)
class Report:
    """Where training stands: steps taken and epochs finished, the loss of the last step.

    After an epoch (`metrics` is not empty) `loss` is its mean and the metrics are those of
    validation; best_epoch is 0 before the first; seconds count from the start of the training;
    epoch_steps, of the current epoch, differs a little from one to the next.
    """

    step: int
    epoch_steps: int
    epoch: int
    loss: float
    metrics: Mapping[str, float]
    best_epoch: int
    seconds: float


def train(
    model: SequentialRecommender,
    windows: Windows,
    validate: Validate,
    settings: RecommenderTraining,
    progress: Progress,
) -> Iterator[Report]:
    """Train with Adam until what it is chosen by (`CHOICE`) has not risen for `patience` epochs.

    Every transition of every training user is predicted once per epoch (`training_rows`). What is
    validated, and kept, is a running average of the weights (`averaging`; Polyak and Juditsky,
    1992): single epochs differ by chance more than good recipes do. Going on from kept progress,
    the reports of its epochs come first, so that a caller sees all of them. When the generator is
    exhausted the model holds the weights of the best epoch, in eval mode. Raises Diverged when the
    loss, a weight or a score is no longer a number.
    """
    torch.set_flush_denormal(True)  # late in a training they slow a CPU several times
    recipe, choice = settings.recipe, CHOICE[settings.recommender]
    optimizer = torch.optim.Adam(
        [p for p in model.parameters() if p.requires_grad],
        lr=recipe.learning_rate,
        weight_decay=recipe.l2,
        fused=True,
    )
    average = AveragedModel(model, avg_fn=training_state.following(recipe.averaging))
    averaged = average.module
    assert isinstance(averaged, SequentialRecommender)
    best, reports = _resume(model, optimizer, average, progress)
    yield from reports
    started = time.monotonic() - (reports[-1].seconds if reports else 0.0)
    while not _over(reports, settings):
        epoch, step = len(reports), reports[-1].step if reports else 0
        best_epoch = reports[-1].best_epoch if reports else 0
        total, count = 0.0, 0
        random = np.random.default_rng([settings.seed, epoch])
        chosen = training_rows(windows, windows.items.shape[1], random)
        steps = math.ceil(len(chosen[0]) / recipe.batch_size)
        for loss, predicted in _epoch(model, optimizer, windows, chosen, settings, random):
            average.update_parameters(model)
            step, total, count = step + 1, total + loss * predicted, count + predicted
            if not math.isfinite(loss):
                raise _diverged(f"the loss is {loss}", step, epoch, settings)
            yield Report(step, steps, epoch, loss, {}, best_epoch, time.monotonic() - started)
        # the last step's loss was that of the weights before it
        if not all(bool(p.isfinite().all()) for p in model.parameters()):
            raise _diverged("a weight is no number", step, epoch, settings)
        try:
            metrics = dict(validate(averaged.eval()))
        except BrokenScores as error:  # weights too large for what is computed with them
            raise _diverged("a score is no number", step, epoch, settings) from error
        if not best_epoch or metrics[choice] > reports[best_epoch - 1].metrics[choice]:
            best_epoch, best = epoch + 1, _copy(averaged)
        seconds = time.monotonic() - started
        reports.append(Report(step, steps, epoch + 1, total / count, metrics, best_epoch, seconds))
        tensors = training_state.tensors(model, optimizer)
        tensors |= {f"average/{name}": p.detach() for name, p in averaged.named_parameters()}
        tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
        progress.save({"reports": [asdict(r) for r in reports]}, tensors)
        yield reports[-1]
    model.load_state_dict(best)
    model.eval()


class Diverged(UserError):
    """A training whose loss, weights or scores are no longer numbers."""


def _diverged(what: str, step: int, epoch: int, settings: RecommenderTraining) -> Diverged:
    return Diverged(
        f"{what} at step {step} (epoch {epoch + 1}); wanted a number: "
        f"lower recommenders.{settings.recommender}.learning_rate, it is "
        f"{settings.recipe.learning_rate:g}"
    )


def _over(reports: list[Report], settings: RecommenderTraining) -> bool:
    """Say whether all epochs are done, or the last `patience` of them were none the better."""
    if not reports:
        return False
    last = reports[-1]
    return (
        last.epoch >= settings.recipe.epochs
        or last.epoch - last.best_epoch >= settings.recipe.patience
    )


def _epoch(
    model: SequentialRecommender,
    optimizer: torch.optim.Optimizer,
    windows: Windows,
    chosen: tuple[np.ndarray, np.ndarray],
    settings: RecommenderTraining,
    random: np.random.Generator,
) -> Iterator[tuple[float, int]]:
    """Train on the chosen (rows, n_targets); yield each step's loss and how many it predicted."""
    model.train()
    device = model.item_table.weight.device
    for start in range(0, len(chosen[0]), settings.recipe.batch_size):
        rows, n_targets = (part[start : start + settings.recipe.batch_size] for part in chosen)
        batch = windows.take(rows).batch(device, n_targets)
        torch.manual_seed(int(random.integers(2**63)))  # of dropout
        loss = model.loss(batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield loss.item(), int(n_targets.sum())


def _copy(model: SequentialRecommender) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _resume(
    model: SequentialRecommender,
    optimizer: torch.optim.Optimizer,
    average: AveragedModel,
    progress: Progress,
) -> tuple[dict[str, Tensor], list[Report]]:
    """Put all three where the last finished epoch left them; return (best, reports)."""
    kept = progress.load()
    if kept is None:
        return _copy(model), []
    notes, tensors = kept
    training_state.restore(model, optimizer, tensors)
    with torch.no_grad():
        for name, parameter in average.module.named_parameters():
            parameter.copy_(tensors[f"average/{name}"])
    reports = [Report(**report) for report in notes["reports"]]
    average.n_averaged.fill_(reports[-1].step)
    best = {name: tensors[f"best/{name}"] for name in model.state_dict()}
    return best, reports
