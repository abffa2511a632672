"""What one training gave, RecBole's or ours."""

from __future__ import annotations

from dataclasses import dataclass

from _movielens import Data

from recinterpreter.recommenders.ranking import Scorer, hit_rate, ndcg


@dataclass(frozen=True)
class Quality:
    """HR@10 and NDCG@10 of one split."""

    hr10: float
    ndcg10: float

    def __str__(self) -> str:
        return f"HR@10 {self.hr10:.4f} NDCG@10 {self.ndcg10:.4f}"


def quality_of(data: Data, scorer: Scorer, part: str) -> Quality:
    """Rank the targets of a split; both sides by this one scorer."""
    places = data.ranks(scorer, part)
    return Quality(hit_rate(places, 10), ndcg(places, 10))


@dataclass(frozen=True)
class Run:
    """One training: quality of its best epoch, median seconds of an epoch without validation.

    label: which settings, seed; epochs: all that were trained; total_seconds: validation included;
    batch_size: rows of a step (RecBole predicts one item a row, ours one at every position).
    """

    label: str
    validation: Quality
    test: Quality
    epoch_seconds: float
    epoch_cpu_seconds: float
    epochs: int
    best_epoch: int
    total_seconds: float
    batch_size: int

    def __str__(self) -> str:
        return (
            f"{self.label}: validation {self.validation} | test {self.test} | epoch "
            f"{self.epoch_seconds:.2f} s (processor {self.epoch_cpu_seconds:.2f} s), best "
            f"{self.best_epoch} of {self.epochs}, {self.total_seconds:.0f} s in all, batches of "
            f"{self.batch_size}"
        )
