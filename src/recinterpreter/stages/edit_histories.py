"""Edit one item in the histories of test users: what is in place of it shall be read instead."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.edits import edits_of
from recinterpreter.data.evaluated import last_examples
from recinterpreter.errors import UserError
from recinterpreter.scoring.matcher import Catalogue
from recinterpreter.settings.evidence import Edits

logger = logging.getLogger("recinterpreter")


def edit_histories(
    *,
    settings: Edits,
    items: InputPath,
    interactions: InputPath,
    examples: InputPath,
    edits: OutputPath,
) -> None:
    """Edit the last history of test users once in every way, the same for all recommenders.

    What is put in is drawn from items that the train split knows and its user never meets, under
    whatever title.
    """
    listed = tables.read(items, schemas.ITEMS, ["item_id", "title"]).to_pylist()
    catalogue = Catalogue({row["item_id"]: row["title"] for row in listed})
    alike = {row["item_id"]: catalogue.title_of(row["item_id"]) for row in listed}
    table = tables.read(examples, schemas.EXAMPLES)
    chosen = _chosen(table, settings).to_pylist()
    histories = {row["example_id"]: row["history"] for row in chosen}
    users = {row["example_id"]: row["user_id"] for row in chosen}
    events = tables.read(interactions, schemas.INTERACTIONS)
    strangers = _strangers(users, events, _trained(table), alike)
    longest = int(tables.metadata(examples)["history"])
    rows = []
    for kind in settings.kinds:
        made = edits_of(kind, histories, strangers, alike, longest, settings.seed)
        if not made:
            raise UserError(
                f"edits.kinds names {kind}, and none of {len(histories)} histories can be edited "
                "so; take it out of edits.kinds, or give longer histories"
            )
        logger.info("%s: %d of %d histories", kind, len(made), len(histories))
        rows += [
            {"example_id": example, "user_id": users[example], "edit": edit.kind}
            | {"positions": edit.positions, "taken": edit.taken, "put": edit.put}
            | {"history": edit.history}
            for example, edit in made.items()
        ]
    tables.write_rows(edits, rows, schemas.EDITS, {"history": longest})


def _chosen(examples: pa.Table, settings: Edits) -> pa.Table:
    """Return the last examples of test users, at most `sample` of them, drawn, ids ascending."""
    test = examples["split"].to_numpy(zero_copy_only=False) == "test"
    rows = np.flatnonzero(test & last_examples(examples))
    count = min(settings.sample, len(rows))
    drawn = np.random.default_rng(settings.seed).choice(rows, count, replace=False)
    return examples.take(pa.array(drawn)).sort_by("example_id")


def _trained(examples: pa.Table) -> np.ndarray:
    """Return the items of the train split, ascending: no recommender knows others."""
    marks = examples["split"].to_numpy(zero_copy_only=False) == "train"
    train = examples.filter(pa.array(marks))
    histories = train["history"].combine_chunks().flatten().to_numpy()
    return np.union1d(histories, train["target"].to_numpy())


def _strangers(
    users: dict[int, int], events: pa.Table, known: np.ndarray, alike: dict[int, int]
) -> dict[int, list[int]]:
    """Return for each example the known items whose titles its user never meets."""
    titles = np.array([alike[item] for item in known.tolist()])
    who, what = events["user_id"].to_numpy(), events["item_id"].to_numpy()
    order = np.argsort(who, kind="stable")
    who, what = who[order], what[order]
    found = {}
    for example, user in users.items():
        start, stop = np.searchsorted(who, [user, user + 1])
        met = [alike[item] for item in what[start:stop].tolist()]
        found[example] = known[~np.isin(titles, met)].tolist()
    return found


if __name__ == "__main__":
    command(edit_histories)
