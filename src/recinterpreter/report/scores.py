"""Look scores up by what they are of, and name things as a reader does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recinterpreter import schemas, tables
from recinterpreter.report.paper import MODELS
from recinterpreter.settings.recommenders import UNTRAINED

RECORDED = "recorded"

_NAMES = {
    **MODELS,
    "popularity": "Popularity",
    "markov": "First-order Markov",
    "decayed_markov": "Decayed Markov",
    "ease": "EASE",
    "recorded": "its own state",
    "another_user": "another user's state",
    "mean_state": "the mean state",
    "zeros": "zeros",
    "noise": "noise",
    "prompt_only": "the prompt alone",
    **{f"{UNTRAINED}{model}": f"{name}, untrained" for model, name in MODELS.items()},
    "conv_linear": "conv + linear",
    "linear": "linear probe",
    "ridge": "ridge",
    "nearest": "nearest neighbour",
    "demo": "Demo (generated)",
    "ml-100k": "MovieLens-100K",
    "ml-1m": "MovieLens-1M",
    "ml-20m": "MovieLens-20M",
    "ml-25m": "MovieLens-25M",
    "ml-latest-small": "MovieLens latest-small",
    "steam": "Steam",
}


def name_of(word: str) -> str:
    """Return how the page calls a recommender, a baseline, a source of states or a data set."""
    return _NAMES.get(word, word.replace("_", " "))


@dataclass(frozen=True)
class Score:
    """One number with its interval, as it stands in SCORES."""

    value: float
    low: float | None
    high: float | None
    n: int
    n_seeds: int


@dataclass(frozen=True)
class Run:
    """A trained recommender and, where the page speaks of answers, the adapter that reads it.

    seed: None for a baseline, and for the mean of a recommender over several seeds.
    """

    recommender: str
    seed: int | None = None
    adapter: str | None = None
    label: str = ""


def label_of(run: Run, runs: Sequence[Run]) -> str:
    """Return the shortest name that tells a run from the others on the page."""
    parts = [name_of(run.recommender)]
    if len({r.adapter for r in runs}) > 1 and run.adapter is not None:
        parts.append(name_of(run.adapter))
    if len({r.seed for r in runs}) > 1:
        parts.append(f"seed {run.seed}")
    return ", ".join(parts)


class Scores:
    """The scores table of one data set."""

    def __init__(self, path: Path) -> None:
        keys = ("recommender", "seed", "task", "adapter", "source", "evaluation", "metric")
        self._rows = {
            tuple(row[k] for k in keys): Score(*(row[k] for k in Score.__dataclass_fields__))
            for row in tables.read(path, schemas.SCORES).to_pylist()
        }

    def ranking(self, run: Run, evaluation: str, metric: str) -> Score | None:
        """Return a score of a ranking."""
        key = (run.recommender, run.seed, None, None, None, evaluation, metric)
        return self._rows.get(key)

    def over_seeds(self, run: Run, evaluation: str, metric: str) -> Score | None:
        """Return how a score of a ranking varies from seed to seed; None where it has but one."""
        return self.ranking(run, evaluation, f"{metric} sd over seeds")

    def answers(
        self, run: Run, task: str, evaluation: str, metric: str, source: str = RECORDED
    ) -> Score | None:
        """Return a score of answers; None where the cell was not run."""
        key = (run.recommender, run.seed, task, run.adapter, source, evaluation, metric)
        return self._rows.get(key)

    def over_seeds_answered(
        self, run: Run, task: str, evaluation: str, metric: str
    ) -> Score | None:
        """Return a score of a mean over seeds of answers, whichever of them the run is."""
        return self.answers(replace(run, seed=None), task, evaluation, metric)

    def matching(self, metric: str) -> Score:
        """Return how many titles of the catalogue a way of matching fails to tell apart."""
        return self._rows["catalogue", None, None, None, None, "titles", metric]

    def judged(self, run: Run, source: str, metric: str, judge: str) -> Score | None:
        """Return a score of judgements: of a source of titles, or of the judge himself."""
        return self._rows.get((source, run.seed, "judge", run.adapter, judge, "last", metric))

    def judgement_of_the_paper(self, dataset: str, source: str, metric: str) -> Score:
        """Return a score of the paper's own judgements."""
        return self._rows[source, None, "judge", None, None, f"paper, {dataset}", metric]

    def published(self, dataset: str, model: str, metric: str) -> Score:
        """Return a score of the paper's own figures (residual)."""
        return self._rows[model, None, "residual", None, None, f"paper, {dataset}", metric]

    def bound(self, run: Run, task: str, evaluation: str, metric: str) -> Score | None:
        """Return a score of decoders of a run's states, whatever adapter reads them."""
        key = (run.recommender, run.seed, task, None, RECORDED, evaluation, metric)
        return self._rows.get(key)

    def said_of_oracle(self, run: Run, adapter: str, evaluation: str, metric: str) -> Score | None:
        """Return a score of what is said of oracle items."""
        key = (run.recommender, run.seed, "residual", adapter, "oracle", evaluation, metric)
        return self._rows.get(key)

    def popularity(self, evaluation: str, metric: str) -> Score | None:
        """Return a score of naming the most popular items to everyone (recovery)."""
        return self._rows.get(("popularity", None, "recovery", None, None, evaluation, metric))

    def best_control(
        self, run: Run, task: str, evaluation: str, metric: str, controls: list[str]
    ) -> tuple[str, Score] | None:
        """Return the control with the highest score, and that score."""
        found = [
            (name, score)
            for name in controls
            if (score := self.answers(run, task, evaluation, metric, name)) is not None
        ]
        return max(found, key=lambda pair: pair[1].value, default=None)

    def reads(self, run: Run, task: str, evaluation: str) -> bool | None:
        """Return whether the LLM reads the state; None where no control was answered."""
        return self._verdict(run, task, evaluation, "reads the state")

    def learned(self, run: Run, task: str, evaluation: str) -> bool | None:
        """Return whether it reads what was learned; None without an untrained encoder."""
        return self._verdict(run, task, evaluation, "reads what was learned")

    def _verdict(self, run: Run, task: str, evaluation: str, metric: str) -> bool | None:
        score = self.answers(run, task, evaluation, metric)
        return None if score is None else score.value == 1.0
