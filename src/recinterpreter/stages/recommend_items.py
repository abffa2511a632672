"""Write what a recommender recommends after every example: the best items not met before."""

from __future__ import annotations

import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.device import pick
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.models import load, trained_settings
from recinterpreter.recommenders.ranking import Sequences
from recinterpreter.recommenders.recommending import recommended

COUNT = 10


def recommend_items(
    *,
    config: InputPath,
    weights: InputPath,
    interactions: InputPath,
    examples: InputPath,
    items: OutputPath,
) -> None:
    """Recommend ten items after the history of every example, the best first."""
    settings = trained_settings(config)
    device = pick()
    rows = tables.read(examples, schemas.EXAMPLES)
    chosen = windows.from_rows(rows, tables.metadata(examples)["history"])
    events = tables.read(interactions, schemas.INTERACTIONS)
    columns = (events[name].to_numpy() for name in ("user_id", "position", "item_id"))
    model = load(config, weights, device)
    best = recommended(model, chosen, Sequences.of(*columns), COUNT, device)
    tables.write(
        items,
        {
            "example_id": chosen.example_ids,
            "user_id": chosen.user_ids,
            "items": pa.array([[i for i in row if i] for row in best.tolist()], schemas.IDS),
        },
        schemas.RECOMMENDED,
        {"recommender": settings.name, "seed": settings.seed},
    )


if __name__ == "__main__":
    command(recommend_items)
