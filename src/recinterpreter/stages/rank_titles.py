"""Rank the titles of the catalogue for one recommender and task, by their likelihood as answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress, read_json, read_tensors
from recinterpreter.command import InputPath, InputPaths, OutputPaths, command
from recinterpreter.data.evaluated import last_examples
from recinterpreter.errors import UserError
from recinterpreter.interpretation.reading import Reading
from recinterpreter.interpretation.shown import read_states, shared_out
from recinterpreter.language_model.adapters import rebuild
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import templates
from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.settings.answers import RankedTask, TitleRanking
from recinterpreter.settings.language_model import Running
from recinterpreter.shards import ALL, Shard
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")


def rank_titles(
    *,
    settings: TitleRanking,
    batch_size: int,
    config: InputPath,
    weights: InputPath,
    selected: InputPaths,
    items: InputPath,
    interactions: InputPath,
    examples: InputPath,
    llm: str,
    running: Running,
    rankings: OutputPaths,
    progress: Progress,
    shard: str = ALL,
) -> None:
    """Rank the title that a task asks for among all titles, for every selected state.

    Residual asks for the last of the history. Preference asks for what comes next; there the items
    that a user has met are no candidates, as in the rankings of recommenders.
    """
    if len(selected) != len(rankings):
        raise UserError(f"{len(selected)} tables of states for {len(rankings)} of rankings")
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    titles = {row["item_id"]: row["title"] for row in listed}
    share = Shard.parse(shard)
    own = [shared_out(source, share) for source in selected]
    reading = None
    if any(map(len, own)):  # a share of nothing loads no LLM
        model = load(llm, settings.loading, running)
        adapter = rebuild(read_json(config), read_tensors(weights)).to(model.device)
        template = templates(settings.task, settings.domain)[0]
        distinct = list(titles.values())
        reading = Reading(adapter, model, template, distinct, batch_size, progress)
    table = tables.read(examples, schemas.EXAMPLES)
    events = tables.read(interactions, schemas.INTERACTIONS)
    for source, target, ids in zip(selected, rankings, own, strict=True):
        noted = tables.metadata(source)
        asked = _asked(table, ids)
        ranks = np.zeros(0, np.int32)
        if reading and len(ids):
            states = read_states(source, settings.task, ids)
            ticker = Ticker(f"{noted['source']}: rank", len(states))
            for done in reading.ask(states):
                ticker.tick(done)
            ranks = reading.ranks(states, *_candidates(settings.task, asked, events, titles))
            logger.info("%s: HR@10 %.4f", noted["source"], np.mean(ranks <= 10))
        rows = {name: asked[name] for name in ("example_id", "user_id", "split", "last")}
        facts = {key: noted[key] for key in ("recommender", "seed", "source")}
        about = {**facts, "task": settings.task, "adapter": settings.adapter}
        tables.write(target, {**rows, "rank": ranks}, schemas.RANKING, about)
    progress.clear()


def _candidates(
    task: RankedTask, asked: pa.Table, events: pa.Table, titles: dict[int, str]
) -> tuple[list[str], Sequence[Sequence[str]]]:
    """Return the title wanted of each example, and those that are no candidates there."""
    if task == "preference":
        barred = [[titles[item] for item in items] for items in _met(asked, events)]
        return [titles[item] for item in asked["target"].to_pylist()], barred
    wanted = [titles[history[-1]] for history in asked["history"].to_pylist()]
    return wanted, [[]] * len(wanted)


def _asked(examples: pa.Table, ids: np.ndarray) -> pa.Table:
    """Return the examples of ascending ids, in that order, with the mark of each user's last."""
    marked = examples.append_column("last", pa.array(last_examples(examples)))
    return marked.filter(pa.array(np.isin(examples["example_id"].to_numpy(), ids))).sort_by(
        "example_id"
    )


def _met(examples: pa.Table, events: pa.Table) -> list[list[int]]:
    """Return the items that the user of each example has met before what comes next."""
    sequences = Sequences.of(
        *(events[name].to_numpy() for name in ("user_id", "position", "item_id"))
    )
    users, positions = (examples[name].to_numpy() for name in ("user_id", "position"))
    rows, items = sequences.before(users, positions)
    ends = np.searchsorted(rows, np.arange(1, len(users)))
    return [part.tolist() for part in np.split(items, ends)]


if __name__ == "__main__":
    command(rank_titles)
