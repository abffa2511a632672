"""Oracle items, where a run had DreamRec."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from conftest import frame

from recinterpreter import schemas, tables
from recinterpreter.contents import content_digest


@pytest.fixture(scope="module")
def oracles(artefacts):
    """Tables of oracle items, and of their states; a run without DreamRec has none."""
    found = [p for p in artefacts.all() if p.match("recommenders/dreamrec/seed*/oracle.parquet")]
    if not found:
        pytest.skip("no DreamRec was run")
    return [
        (path, artefacts.path(f"states/dreamrec/{path.parent.name}.oracle.parquet"))
        for path in found
    ]


def states(path):
    """The columns of STATES as arrays (N, positions, width)."""
    positions = tables.metadata(path)["shape"][0]
    rows = tables.read(path, pa.schema([]))
    columns = ("before", "after", "before_mask", "after_mask")
    return rows["example_id"], *(tables.matrix(rows[name], positions) for name in columns)


def test_every_answered_example_has_an_oracle_item(oracles, artefacts):
    for path, with_dream in oracles:
        recorded = artefacts.path(f"states/dreamrec/{path.parent.name}.recorded.parquet")
        ids = tables.read(path, schemas.ORACLE_ITEMS)["example_id"]
        assert ids.equals(states(with_dream)[0]), path
        assert ids.equals(states(recorded)[0]), path


def test_oracle_items_are_as_long_as_items_and_know_what_they_are_near(
    oracles, items, interactions, examples
):
    met = interactions.select("user_id", "item_id", met="position")
    for path, _ in oracles:
        rows = frame(path, schemas.ORACLE_ITEMS)
        width = tables.metadata(path)["shape"][1]
        vectors = tables.matrix(tables.read(path, schemas.oracle_schema(width))["vector"], 1)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), width**0.5, rtol=1e-4)
        assert rows["item_id"].is_in(items["item_id"].implode()).all(), path
        assert rows["cosine"].is_between(-1.0001, 1.0001).all(), path
        assert rows["rank"].is_between(1, len(items)).all(), path
        asked = rows.join(examples.select("example_id", "position"), on="example_id")
        seen = asked.join(met, on=["user_id", "item_id"]).filter(pl.col("met") < pl.col("position"))
        wanted = rows.filter("seen")["example_id"]
        assert seen["example_id"].unique().sort().equals(wanted.sort()), path


def test_a_full_history_with_a_dream_has_lost_its_oldest_item(oracles, artefacts, examples):
    lengths = dict(examples.select("example_id", pl.col("history").list.len()).iter_rows())
    for path, with_dream in oracles:
        ids, before, after, before_mask, after_mask = states(with_dream)
        positions = tables.metadata(with_dream)["shape"][0]
        history = np.array([lengths[example] for example in ids.to_pylist()])
        kept = np.minimum(history, positions - 1)
        assert (before_mask[..., 0].sum(1) == kept).all(), path
        assert (after_mask[..., 0].sum(1) == kept + 1).all(), path
        assert np.isfinite(before).all()
        assert np.isfinite(after).all()
        # of a shorter history nothing is lost: before the dream is after the history
        recorded = artefacts.path(f"states/dreamrec/{path.parent.name}.recorded.parquet")
        whole = states(recorded)[2]
        short = history < positions
        np.testing.assert_allclose(before[short], whole[short], atol=1e-2, err_msg=str(path))


def test_oracle_items_are_of_the_checkpoint_beside_them(oracles):
    for path, with_dream in oracles:
        noted = tables.metadata(path)
        assert noted == tables.metadata(with_dream)
        assert noted["source"] == "oracle"
        assert noted["checkpoint"] == content_digest(path.with_name("model.safetensors"))
