"""Stage: verdicts and rankings -> scores, every number of the report with its interval."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, InputPaths, OutputPath, command
from recinterpreter.scoring.bounds import bound_scores, recorded_cells
from recinterpreter.scoring.comparison import RECORDED, Cell
from recinterpreter.scoring.consistency import consistency_scores
from recinterpreter.scoring.details import Knowledge, catalogue_scores, detail_scores
from recinterpreter.scoring.edits import edit_scores
from recinterpreter.scoring.judge import judge_scores, published_judgements
from recinterpreter.scoring.matcher import Catalogue
from recinterpreter.scoring.oracle import oracle_scores, oracle_word_scores
from recinterpreter.scoring.published import published_scores
from recinterpreter.scoring.ranking import ranking_scores
from recinterpreter.scoring.reading import reading_scores
from recinterpreter.scoring.recovery import most_popular, training_interactions
from recinterpreter.scoring.seeds import seed_scores
from recinterpreter.scoring.strata import popularity_strata
from recinterpreter.scoring.tasks import task_scores
from recinterpreter.settings.scores import Scores

logger = logging.getLogger("recinterpreter")


def compute_scores(
    *,
    settings: Scores,
    items: InputPath,
    examples: InputPath,
    verdicts: InputPath,
    rankings: InputPaths,
    readings: InputPaths,
    oracles: InputPaths,
    oracle_verdicts: InputPaths,
    edits: InputPaths,
    consistencies: InputPaths,
    probes: InputPaths,
    judgements: InputPaths,
    scores: OutputPath,
) -> None:
    """Score rankings, readings, oracle items and answers: shares and means with intervals."""
    ranked = _by_cell(rankings, schemas.RANKING)
    rows = [
        *ranking_scores(ranked, settings),
        *reading_scores(_by_source(readings), ranked, settings),
        *oracle_scores(_by_cell(oracles, schemas.ORACLE_ITEMS), settings),
        *_of_oracle_words(oracle_verdicts, settings),
        *_of_answers(items, examples, verdicts, settings),
        *_of_edits(edits, settings),
        *consistency_scores(_by_cell(consistencies, schemas.CONSISTENCY), settings),
        *_of_probes(probes, verdicts, readings, settings),
        *published_scores(settings),
        *_of_judgements(judgements, settings),
    ]
    # ten decimals: what a different order of summing may change is far behind them
    rounded = [
        {k: round(v, 10) if isinstance(v, float) else v for k, v in row.items()} for row in rows
    ]
    tables.write_rows(scores, rounded, schemas.SCORES)
    logger.info("%d scores", len(rows))


def _by_cell(paths: InputPaths, schema: pa.Schema) -> dict[Cell, pl.DataFrame]:
    """Read tables that say whose they are."""
    return {
        _cell(tables.metadata(path)): frame(tables.read(path, schema, schema.names))
        for path in paths
    }


def _by_source(paths: InputPaths) -> dict[Cell, dict[str, pl.DataFrame]]:
    """Read rankings that say whose they are, and of which states."""
    found: dict[Cell, dict[str, pl.DataFrame]] = {}
    for path in paths:
        noted = tables.metadata(path)
        table = frame(tables.read(path, schemas.RANKING, schemas.RANKING.names))
        found.setdefault(_cell(noted), {})[noted["source"]] = table
    return found


def _cell(noted: Mapping[str, Any]) -> Cell:
    return Cell(noted["recommender"], noted["seed"], noted.get("task"), noted.get("adapter"))


def _of_answers(
    items: InputPath, examples: InputPath, verdicts: InputPath, settings: Scores
) -> Iterator[dict[str, Any]]:
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    titles = {row["item_id"]: row["title"] for row in listed}
    catalogue = Catalogue(titles)
    known_examples = frame(tables.read(examples, schemas.EXAMPLES))
    history = int(tables.metadata(examples)["history"])
    judged = frame(tables.read(verdicts, schemas.VERDICTS))
    popular = most_popular(known_examples)
    yield from task_scores(judged, catalogue, popular, history, settings)
    yield from seed_scores(judged, settings)
    strata = popularity_strata(titles, training_interactions(known_examples))
    known = Knowledge(titles, catalogue, strata)
    yield from detail_scores(judged, known, history, settings)
    yield from catalogue_scores(known)


def _of_oracle_words(judged: InputPaths, settings: Scores) -> Iterator[dict[str, Any]]:
    for path in judged:
        yield from oracle_word_scores(frame(tables.read(path, schemas.VERDICTS)), settings)


def _of_edits(checked: InputPaths, settings: Scores) -> Iterator[dict[str, Any]]:
    for path in checked:
        yield from edit_scores(frame(tables.read(path, schemas.EDIT_VERDICTS)), settings)


def _of_probes(
    probes: InputPaths, verdicts: InputPath, readings: InputPaths, settings: Scores
) -> Iterator[dict[str, Any]]:
    """Relate what the LLM names, and what it ranks as the next item, to what decoders find."""
    judged = frame(tables.read(verdicts, schemas.VERDICTS))
    preferences = [
        path
        for path in readings
        if tables.metadata(path)["task"] == "preference"
        and tables.metadata(path)["source"] == RECORDED
    ]
    read = recorded_cells(judged) | _by_cell(preferences, schemas.RANKING)
    yield from bound_scores(_by_cell(probes, schemas.PROBES), read, settings)


def _of_judgements(judgements: InputPaths, settings: Scores) -> Iterator[dict[str, Any]]:
    for path in judgements:
        yield from judge_scores(frame(tables.read(path, schemas.JUDGEMENTS)), settings)
        yield from published_judgements(settings)


def frame(table: Any) -> pl.DataFrame:
    """View an Arrow table in Polars."""
    view = pl.from_arrow(table)
    assert isinstance(view, pl.DataFrame)
    return view


if __name__ == "__main__":
    command(compute_scores)
