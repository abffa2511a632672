"""Where the training of an adapter stands: all that a process needs to go on from any step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from recinterpreter import training_state
from recinterpreter.checkpoint import Progress
from recinterpreter.settings.adapters import AdapterTraining


@dataclass(frozen=True)
class Step:
    """What a step found and what it cost: examples, positions, and floating-point operations."""

    loss: float
    accuracy: float
    samples: int
    tokens: int
    operations: float


@dataclass(frozen=True)
class Report:
    """Steps taken, epochs finished, and the figures of this step or, after it, of its epoch.

    loss: per answer token; accuracy: share of answers foretold token by token; validation: that of
    the validation examples, and validation_loss theirs, set after an epoch; best_epoch: the best
    by these, 0 before the first; samples, tokens, operations: asked so far, positions computed for
    them, and floating-point operations; seconds: since the start.
    """

    step: int
    epoch: int
    loss: float
    accuracy: float
    validation: float | None
    validation_loss: float | None
    best_epoch: int
    samples: int
    tokens: int
    operations: float
    seconds: float

    def beats(self, other: Report) -> bool:
        """Whether this epoch is better than another by validation."""
        ours, theirs = ((r.validation or 0.0, -(r.validation_loss or 0.0)) for r in (self, other))
        return ours > theirs


@dataclass
class Course:
    """An adapter, what its optimizer remembers, its average, the best so far, and the reports.

    batches: how many of the current epoch are done; totals: their summed loss and answers
    foretold, each example's once.
    """

    adapter: nn.Module
    settings: AdapterTraining
    reports: list[Report] = field(default_factory=list)
    batches: int = 0
    totals: tuple[float, float] = (0.0, 0.0)
    samples: int = 0
    tokens: int = 0
    operations: float = 0.0
    seconds: float = 0.0
    step: int = 0

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.Adam(
            self.adapter.parameters(), weight_decay=self.settings.l2, fused=True
        )
        self.average = AveragedModel(
            self.adapter, avg_fn=training_state.following(self.settings.averaging)
        )
        self.best: dict[str, Tensor] = {}

    @property
    def averaged(self) -> nn.Module:
        """The adapter that is validated and kept: the running average of the one in training."""
        module: nn.Module = self.average.module
        return module

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept, from 1; 0 before the first."""
        return self.reports[-1].best_epoch if self.reports else 0

    @property
    def over(self) -> bool:
        """Whether all epochs are done, or the last `patience` of them were none the better."""
        done, patience = len(self.reports), self.settings.patience
        return done >= self.settings.epochs or (
            patience is not None and done > 0 and done - self.best_epoch >= patience
        )

    def count(self, step: Step) -> None:
        """Take in a step that the optimizer has made."""
        self.average.update_parameters(self.adapter)
        self.step, self.batches = self.step + 1, self.batches + 1
        self.samples, self.tokens = self.samples + step.samples, self.tokens + step.tokens
        self.operations += step.operations
        loss, right = self.totals
        self.totals = (loss + step.loss * step.samples, right + step.accuracy * step.samples)

    def finish_epoch(self, validation: tuple[float, float], samples: int) -> Report:
        """End the epoch with (accuracy, loss) of validation; samples: how many examples it had.

        The best is the most accurate; of those alike (recovery names all ten titles seldom) the
        one of least loss. Without `patience` the last is kept, as the paper does.
        """
        loss, accuracy = (total / samples for total in self.totals)
        ended = replace(
            self.report(loss, accuracy),
            epoch=len(self.reports) + 1,
            validation=validation[0],
            validation_loss=validation[1],
        )
        best = self.best_epoch
        if not best or self.settings.patience is None or ended.beats(self.reports[best - 1]):
            best = ended.epoch
            self.best = {n: t.detach().clone() for n, t in self.averaged.state_dict().items()}
        self.reports.append(replace(ended, best_epoch=best))
        self.batches, self.totals = 0, (0.0, 0.0)
        return self.reports[-1]

    def report(self, loss: float, accuracy: float) -> Report:
        """Say where the training stands, with these figures."""
        return Report(
            step=self.step,
            epoch=len(self.reports),
            loss=loss,
            accuracy=accuracy,
            validation=None,
            validation_loss=None,
            best_epoch=self.best_epoch,
            samples=self.samples,
            tokens=self.tokens,
            operations=self.operations,
            seconds=self.seconds,
        )

    def save(self, progress: Progress) -> None:
        """Keep all of it."""
        tensors = training_state.tensors(self.adapter, self.optimizer)
        tensors |= {f"average/{n}": p.detach() for n, p in self.averaged.named_parameters()}
        tensors |= {f"best/{name}": tensor for name, tensor in self.best.items()}
        place = {name: getattr(self, name) for name in _PLACE}
        progress.save({"reports": [asdict(r) for r in self.reports], **place}, tensors)

    def resume(self, progress: Progress) -> bool:
        """Go back to what was kept; False where nothing was."""
        kept = progress.load()
        if kept is None:
            return False
        notes, tensors = kept
        training_state.restore(self.adapter, self.optimizer, tensors)
        with torch.no_grad():
            for name, parameter in self.averaged.named_parameters():
                parameter.copy_(tensors[f"average/{name}"])
        self.reports = [Report(**report) for report in notes["reports"]]
        for name in _PLACE:
            setattr(self, name, notes[name])
        self.average.n_averaged.fill_(self.step)
        self.best = _named(tensors, "best/")
        return True


_PLACE = ("batches", "totals", "samples", "tokens", "operations", "seconds", "step")


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
