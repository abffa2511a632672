"""All that the page says of one data set, read from its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from markupsafe import Markup

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json
from recinterpreter.data.distributions import LENGTHS, POPULARITY
from recinterpreter.experiment import Settings
from recinterpreter.report.cases import Case, read_cases
from recinterpreter.report.figures import controls_plot, recovery_plot, shape_plot
from recinterpreter.report.runs import Journal, read_journal
from recinterpreter.report.scores import RECORDED, Run, Scores, label_of, name_of
from recinterpreter.report.searches import SearchView, read_searches
from recinterpreter.settings.adapters import Task

CAPACITY_NEEDED = 20
"""State width x LLM width per item that a linear adapter needs to name one item (measured)."""

SHOWN: tuple[Task, ...] = ("residual", "preference", "recovery")
"""Tasks in the order of the page: residual is the headline."""

_UNSPELLED_SHOWN = 12


@dataclass(frozen=True)
class Capacity:
    """What a linear adapter can tell apart: state width x LLM width / items."""

    recommender: str
    width: int
    ratio: float

    @property
    def enough(self) -> bool:
        """Whether it is above what naming one item needs."""
        return self.ratio >= CAPACITY_NEEDED


@dataclass(frozen=True)
class Outside:
    """A recommender made elsewhere: which of its files there are.

    listed: length of its shortest list of best items, None where it brought none.
    """

    label: str
    items: bool
    oracle: bool
    listed: int | None
    preferred: str


@dataclass(frozen=True)
class DatasetView:
    """What the template shows of one data set."""

    name: str
    audit: dict[str, dict[str, Any]]
    scores: Scores
    runs: list[Run]
    untrained: list[Run]
    ranked: list[Run]
    dreamt: list[Run]
    judged: list[Run]
    outside: list[Outside]
    searches: list[SearchView]
    tasks: list[str]
    figures: dict[str, Markup]
    cases: list[Case]
    llm: dict[str, Any]
    unspelled: list[dict[str, Any]]
    capacities: list[Capacity]
    truth: dict[str, Any]
    journal: Journal


def read_dataset(results: Path, name: str, settings: Settings) -> DatasetView:
    """Read the tables of one data set; UserError names the one that is missing or broken."""
    folder = results / name
    llm = folder / settings.llm.slug
    scores = Scores(llm / "scores.parquet")
    runs = _runs(settings, settings.interpreted)
    untrained = _runs(settings, settings.encoders[len(settings.interpreted) :])
    items = tables.read(folder / "items.parquet", schemas.ITEMS, ["item_id", "title"]).to_pylist()
    titles = {row["item_id"]: row["title"] for row in items}
    spelled = tables.read(llm / "titles.parquet", schemas.TITLES).to_pylist()
    truth = folder / "truth.json"
    return DatasetView(
        name=name,
        audit={
            row["check"]: row
            for row in tables.read(folder / "audit.parquet", schemas.AUDIT).to_pylist()
        },
        scores=scores,
        runs=runs,
        untrained=untrained,
        ranked=_ranked(settings),
        dreamt=_dreamt(settings),
        judged=_judged(name, settings),
        outside=_outside(folder, settings),
        searches=read_searches(folder, settings),
        tasks=[task for task in SHOWN if task in settings.adapter.tasks],
        figures={
            "shape": _shape(folder, name),
            **_figures(name, scores, runs, untrained, settings),
        },
        cases=read_cases(folder, llm / "verdicts.parquet", runs, settings.report.cases, titles),
        llm=read_json(llm / "llm.json"),
        unspelled=[row for row in spelled if not row["spells"]][:_UNSPELLED_SHOWN],
        capacities=_capacities(llm, runs, len(titles), settings),
        truth=read_json(truth) if truth.is_file() else {},
        journal=read_journal(results, name),
    )


def _runs(settings: Settings, encoders: Sequence[str]) -> list[Run]:
    """All adapters of some encoders, labelled as shortly as tells them apart."""
    seeds, kinds = settings.recommenders.seeds, settings.adapter.kinds
    runs = [Run(*cell) for cell in product(encoders, seeds, kinds)]
    return [replace(run, label=label_of(run, runs)) for run in runs]


def _ranked(settings: Settings) -> list[Run]:
    """A line of the ranking for each recommender, its mean where it has several seeds."""
    block = settings.recommenders
    seed = block.seeds[0] if len(block.seeds) == 1 else None
    return [
        *(Run(name, seed, label=name_of(name)) for name in settings.ranking),
        *(Run(name, label=name_of(name)) for name in block.baselines),
    ]


def _dreamt(settings: Settings) -> list[Run]:
    """Whoever dreams up items, which are scored seed by seed: DreamRec, maybe outside ones."""
    runs = [Run(*cell) for cell in product(settings.dreaming, settings.recommenders.seeds)]
    return [replace(run, label=label_of(run, runs)) for run in runs]


def _outside(folder: Path, settings: Settings) -> list[Outside]:
    """Say of every recommender made elsewhere what it brought."""
    found = []
    for name in settings.outside():
        listed = None
        if name in settings.outside("recommended"):
            seed = settings.recommenders.seeds[0]
            ranking = folder / "recommenders" / name / f"seed{seed}" / "ranking.parquet"
            listed = tables.metadata(ranking)["shortest_list"]
        items, oracle = (name in settings.outside(key) for key in ("items", "oracle"))
        found.append(Outside(name_of(name), items, oracle, listed, settings.preferred(name)))
    return found


def _judged(name: str, settings: Settings) -> list[Run]:
    """Every DreamRec and adapter whose oracle items are judged beside the same seed's SASRec."""
    if name not in settings.judged:
        return []
    seeds, kinds = settings.recommenders.seeds, settings.adapter.kinds
    runs = [Run("dreamrec", seed, adapter) for seed, adapter in product(seeds, kinds)]
    return [replace(run, label=label_of(run, runs)) for run in runs]


def _shape(folder: Path, name: str) -> Markup:
    bins = tables.read(folder / "distributions.parquet", schemas.DISTRIBUTIONS).to_pylist()
    lengths, popularity = (
        [row for row in bins if row["what"] == what] for what in (LENGTHS, POPULARITY)
    )
    return shape_plot(name, lengths, popularity)


def _figures(
    name: str, scores: Scores, runs: list[Run], untrained: list[Run], settings: Settings
) -> dict[str, Markup]:
    figures: dict[str, Markup] = {}
    for task, metric, label in (
        ("residual", "accuracy", "residual accuracy, last examples (%)"),
        (
            "preference",
            f"ndcg@{settings.scores.verdict_cutoff}",
            "NDCG of what came next, last examples",
        ),
        ("recovery", "hits", "recovered items per answer, last examples"),
    ):
        groups = {
            run.label: [
                (source, score)
                for source in settings.sources
                if (score := scores.answers(run, task, "last", metric, source)) is not None
            ]
            for run in [*runs, *untrained]
        }
        if task in settings.adapter.tasks:
            figures[task] = controls_plot(name, groups, label, percent=task == "residual")
    if "recovery" in settings.adapter.tasks:
        more = [f"more than {k}" for k in range(settings.split.history)]

        def shares(run: Run, source: str) -> list[Any]:
            found = [scores.answers(run, "recovery", "last", m, source) for m in more]
            return [score for score in found if score is not None]

        popularity = [s for m in more if (s := scores.popularity("last", m)) is not None]
        controls = {run.label: shares(run, "another_user") for run in runs}
        figures["distribution"] = recovery_plot(
            name,
            {run.label: shares(run, RECORDED) for run in runs},
            {label: line for label, line in controls.items() if line},
            popularity,
        )
    return figures


def _capacities(llm: Path, runs: list[Run], n_items: int, settings: Settings) -> list[Capacity]:
    """Capacity of every recommender's states, as its first adapter was built for them."""
    capacities: dict[str, Capacity] = {}
    for run in runs:
        cell = f"{run.recommender}/{settings.adapter.tasks[0]}/{run.adapter}/seed{run.seed}"
        built = read_json(llm / "adapters" / cell / "config.json")
        width = int(built["shape"][-1])
        found = Capacity(run.recommender, width, width * built["hidden_size"] / n_items)
        capacities.setdefault(run.recommender, found)
    return list(capacities.values())
