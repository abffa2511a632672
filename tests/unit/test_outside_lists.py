"""Lists, item vectors and oracle items that came from outside."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from safetensors.numpy import load_file
from sequence_examples import write_tables

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.settings.recommenders import Outside, OutsideOracle, OutsideStates
from recinterpreter.stages.import_items import import_items
from recinterpreter.stages.import_oracle_items import import_oracle_items
from recinterpreter.stages.import_recommended import import_recommended
from recinterpreter.stages.import_states import import_states

N_ITEMS, HISTORY, WIDTH = 30, 4, 5
RANDOM = np.random.default_rng(0)
SEQUENCES = [RANDOM.integers(1, N_ITEMS + 1, 3 + user % 6).tolist() for user in range(40)]
VECTORS = RANDOM.standard_normal((N_ITEMS, WIDTH)).astype(np.float32)
PAIRS = [(user, place) for user, read in enumerate(SEQUENCES) for place in range(1, len(read) + 1)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tables(tmp_path, SEQUENCES, HISTORY, N_ITEMS)
    users = {"user_id": range(1, 41), "source_id": [f"u{user}" for user in range(40)]}
    tables.write(tmp_path / "users.parquet", {k: list(v) for k, v in users.items()}, schemas.USERS)
    ids = list(range(1, N_ITEMS + 1))
    names = [f"i{item}" for item in ids]
    items = {"item_id": ids, "source_id": names, "raw_title": names, "title": names}
    tables.write(tmp_path / "items.parquet", items, schemas.ITEMS)
    return tmp_path


def keyed(**columns: list[Any]) -> pl.DataFrame:
    """A table of all users and positions."""
    users = [f"u{user}" for user, _ in PAIRS]
    return pl.DataFrame({"user": users, "position": [place for _, place in PAIRS], **columns})


def lists(length: int = N_ITEMS) -> list[list[int]]:
    """A list for each of the pairs, drawn at random: item ids."""
    random = np.random.default_rng(1)
    return [(random.permutation(N_ITEMS)[:length] + 1).tolist() for _ in PAIRS]


def named(rows: list[list[int]]) -> list[list[str]]:
    return [[f"i{item}" for item in row] for row in rows]


def recommend(folder: Path, rows: list[list[Any]]) -> tuple[Path, Path]:
    keyed(items=rows).write_parquet(folder / "best.parquet")
    made = folder / "recommended.parquet", folder / "ranking.parquet"
    import_recommended(
        settings=Outside(recommender="mine", seed=0),
        given=folder / "best.parquet",
        users=folder / "users.parquet",
        items=folder / "items.parquet",
        interactions=folder / "interactions.parquet",
        examples=folder / "examples.parquet",
        recommended=made[0],
        ranking=made[1],
    )
    return made


@pytest.mark.parametrize("length", [N_ITEMS, 6])
def test_targets_rank_by_their_place_among_what_was_not_met(folder: Path, length: int) -> None:
    best, ranking = recommend(folder, named(lists(length)))
    given = dict(zip(PAIRS, lists(length), strict=True))
    examples = {
        row["example_id"]: row for row in pl.read_parquet(folder / "examples.parquet").to_dicts()
    }
    found = pl.read_parquet(ranking)
    assert set(found["split"]) == {"validation", "test"}
    missed = 0
    for row in found.to_dicts():
        example = examples[row["example_id"]]
        met = SEQUENCES[row["user_id"] - 1][: example["position"]]
        target = example["target"]
        candidates = [item for item in range(1, N_ITEMS + 1) if item not in met or item == target]
        shown = [i for i in given[row["user_id"] - 1, example["position"]] if i in candidates]
        wanted = shown.index(target) + 1 if target in shown else len(candidates)
        missed += target not in shown
        assert row["rank"] == wanted
    assert (missed > 0) == (length < N_ITEMS)
    assert tables.metadata(ranking) == {"recommender": "mine", "seed": 0, "shortest_list": length}
    for row in pl.read_parquet(best).to_dicts():
        example = examples[row["example_id"]]
        met = SEQUENCES[row["user_id"] - 1][: example["position"]]
        whole = given[row["user_id"] - 1, example["position"]]
        assert row["items"] == [item for item in whole if item not in met][:10]


def test_a_list_of_nothing_new_leaves_no_item(folder: Path, caplog: Any) -> None:
    old = [[SEQUENCES[user][0]] for user, _ in PAIRS]
    with caplog.at_level("WARNING"):
        best, _ = recommend(folder, named(old))
    assert pl.read_parquet(best)["items"].list.len().max() == 0
    assert "hold nothing that the user has not met" in caplog.text


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (["i1", "nothing"], r"row 3: column 'items' has 'nothing', no item of this data set"),
        (["i1", "i2", "i1"], r"row 3: column 'items' names an item twice"),
        (["i1", None], r"row 3: column 'items' holds no id"),
        (None, r"row 3: column 'items' is null"),
    ],
)
def test_lists_that_cannot_be_used_are_refused(folder: Path, row: Any, told: str) -> None:
    rows = named(lists(6))
    with pytest.raises(UserError, match=told):
        recommend(folder, [*rows[:2], row, *rows[3:]])
    assert not (folder / "ranking.parquet").exists()


def test_lists_of_anything_but_ids_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"column 'items' is double; wanted lists of ids"):
        recommend(folder, [0.5] * len(PAIRS))  # type: ignore[list-item]


def bring_items(folder: Path, table: pl.DataFrame) -> np.ndarray:
    table.write_parquet(folder / "vectors.parquet")
    made = folder / "item_table.safetensors"
    import_items(given=folder / "vectors.parquet", items=folder / "items.parquet", item_table=made)
    return load_file(made)["item_table.weight"]


def vectors() -> pl.DataFrame:
    return pl.DataFrame({"item": [f"i{i}" for i in range(1, N_ITEMS + 1)], "vector": VECTORS})


def test_item_vectors_become_an_item_table(folder: Path) -> None:
    found = bring_items(folder, vectors().reverse())
    np.testing.assert_array_equal(found[1:], VECTORS)
    assert not found[0].any()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (vectors()[2:], r"no vector of 2 of 30 items, the first 'i1', 'i2'; wanted one for each"),
        (pl.concat([vectors(), vectors()[4:5]]), r"item 'i5' has two vectors"),
        (vectors().with_columns(item=pl.lit("i0")), r"'i0', no item of this data set"),
        (vectors().select("item"), r"no column 'vector'; it has 'item'"),
    ],
)
def test_item_vectors_that_cannot_be_used_are_refused(
    folder: Path, table: pl.DataFrame, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        bring_items(folder, table)
    assert not (folder / "item_table.safetensors").exists()


def dream(folder: Path, width: int = WIDTH, positions: int = 2) -> tuple[Path, Path]:
    """States of two positions, oracle items that are items, and the states with them."""
    item_of = [1 + (user + place) % N_ITEMS for user, place in PAIRS]
    state = [[[float(place - 1)] * 3, [float(place)] * 3] for _, place in PAIRS]
    mask = [[place > 1, True] for _, place in PAIRS]
    keyed(state=state, mask=mask).write_parquet(folder / "states.parquet")
    extended = [[pair[1], [-1.0] * 3][-positions:] for pair in state]
    marks = [[True, True][-positions:]] * len(PAIRS)
    vector = [(3 * VECTORS[item - 1])[:width].tolist() for item in item_of]
    keyed(state=extended, mask=marks, vector=vector).write_parquet(folder / "oracle.parquet")
    bring_items(folder, vectors())
    known = {name: folder / f"{name}.parquet" for name in ("users", "interactions", "examples")}
    one = OutsideStates(recommender="mine", seed=0, precision="float32")
    recorded = folder / "recorded.parquet"
    import_states(settings=one, given=folder / "states.parquet", states=recorded, **known)
    made = folder / "with.parquet", folder / "dreamt.parquet"
    import_oracle_items(
        settings=OutsideOracle(**one.model_dump(), sample=10, drawn=0),
        given=folder / "oracle.parquet",
        item_table=folder / "item_table.safetensors",
        recorded=recorded,
        states=made[0],
        oracle=made[1],
        **known,
    )
    return made


def test_oracle_items_are_what_they_are_nearest_to(folder: Path) -> None:
    states, oracle = dream(folder)
    found = pl.from_arrow(tables.read(oracle, schemas.oracle_schema(WIDTH)))
    assert isinstance(found, pl.DataFrame)
    examples = pl.read_parquet(folder / "examples.parquet").filter(split="test")
    asked = found.join(examples.select("example_id", "position", "target"), on="example_id")
    assert len(asked) == len(found) >= 4
    for row in asked.to_dicts():
        item = 1 + (row["user_id"] - 1 + row["position"]) % N_ITEMS
        assert row["item_id"] == item
        assert row["cosine"] == pytest.approx(1, abs=1e-5)
        assert row["seen"] == (item in SEQUENCES[row["user_id"] - 1][: row["position"]])
        assert (row["rank"] == 1) >= (row["target"] == item)
    rows = next(tables.read_batches(states, 1000))
    assert rows["example_id"].to_pylist() == found["example_id"].to_list()
    before, after = (tables.matrix(rows[name], 2)[..., 0] for name in ("before", "after"))
    np.testing.assert_array_equal(after[:, 1], -1)
    # the oldest of two items has left both histories
    np.testing.assert_array_equal(before, np.stack([asked["position"], np.zeros(len(asked))], 1))
    assert tables.metadata(states) == tables.metadata(oracle)
    assert tables.metadata(oracle)["source"] == "oracle"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"width": 4}, "vectors of 4 numbers, and the items' have 5"),
        ({"positions": 1}, r"states of shape \[1, 3\], and the recommender's other states"),
    ],
)
def test_oracle_items_of_another_space_are_refused(
    folder: Path, changes: dict[str, int], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        dream(folder, **changes)
    assert not (folder / "dreamt.parquet").exists()


def test_lists_hold_item_ids_in_the_schema_of_those_made_here(folder: Path) -> None:
    best, _ = recommend(folder, named(lists(6)))
    assert tables.read(best, schemas.RECOMMENDED)["items"].type == pa.list_(
        pa.field("element", pa.int32(), nullable=False)
    )
