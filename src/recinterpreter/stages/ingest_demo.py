"""Stage: generate the demo data set -> users, items, interactions, and the truth about them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import write_json
from recinterpreter.command import OutputPath, command
from recinterpreter.data import demo
from recinterpreter.data.demo_titles import make_titles
from recinterpreter.data.interactions import write_dataset
from recinterpreter.data.raw import Raw
from recinterpreter.settings.data import DemoSource, Ingest
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")


def ingest_demo(
    *,
    settings: Ingest,
    users: OutputPath,
    items: OutputPath,
    interactions: OutputPath,
    preferences: OutputPath,
    successors: OutputPath,
    truth: OutputPath,
) -> None:
    """Generate films and users; truth holds what the ideal model and popularity reach."""
    source = settings.source
    if not isinstance(source, DemoSource):
        raise TypeError(f"wanted the settings of the demo, got {source!r}")
    rng = np.random.default_rng(source.seed)
    titles, genres = make_titles(source.items, rng)
    world = demo.make_world(genres, rng)
    last, following = np.nonzero(world.follows)
    likely = {"item_id": last + 1, "successor": following + 1}
    likely["probability"] = world.follows[last, following]
    tables.write(successors, likely, schemas.SUCCESSORS)
    blocks = _draw(world, source, preferences)
    histories, lengths = blocks["items"], blocks["lengths"]
    events = demo.make_events(histories, lengths, source.seed).lazy()
    films = [(f"film{n}", title) for n, title in enumerate(titles, start=1)]
    raw = Raw(events, films)
    write_dataset(raw, settings, users=users, items=items, interactions=interactions)
    facts = _truth(blocks, demo.popularity_ranks(histories, lengths, source.items))
    write_json(truth, facts)
    logger.info(
        "HR@10 of the last event: ideal model %.3f, popularity %.3f",
        facts["hr10"],
        facts["popularity_hr10"],
    )


def _draw(world: demo.World, source: DemoSource, preferences: Path) -> dict[str, np.ndarray]:
    """Draw all users; their preferences go to disk block by block, the rest is returned."""
    kept = ("items", "lengths", "rank", "expected_hit", "expected_gain")
    parts: dict[str, list[np.ndarray]] = {name: [] for name in kept}
    ticker, done = Ticker("users", source.users), 0
    with tables.Writer(preferences, schemas.PREFERENCES) as writer:
        for block in demo.simulate(world, source.users, source.seed):
            for name in kept:
                parts[name].append(getattr(block, name))
            n_users, n_items = block.preferences.shape
            writer.write(
                {
                    # users start in their order, so this is the number they will get
                    "user_id": np.repeat(np.arange(done + 1, done + n_users + 1), n_items),
                    "item_id": np.tile(np.arange(1, n_items + 1), n_users),
                    "preference": block.preferences.reshape(-1),
                }
            )
            done += n_users
            ticker.tick(done)
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def _truth(blocks: dict[str, np.ndarray], popularity: np.ndarray) -> dict[str, Any]:
    return {
        "users": len(popularity),
        "hr10": float((blocks["rank"] <= demo.CUTOFF).mean()),
        "ndcg10": float(demo.gain(blocks["rank"]).mean()),
        "expected_hr10": float(blocks["expected_hit"].mean()),
        "expected_ndcg10": float(blocks["expected_gain"].mean()),
        "popularity_hr10": float((popularity <= demo.CUTOFF).mean()),
        "popularity_ndcg10": float(demo.gain(popularity).mean()),
    }


if __name__ == "__main__":
    command(ingest_demo)
