"""The stage from tables to PROBES, on states in which each item is plainly written."""

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save_file

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.settings.evidence import Probing
from recinterpreter.stages.probe_states import probe_states

N_ITEMS, WIDTH, HISTORY, N_USERS = 12, 12, 4, 200
SETTINGS = Probing(
    tasks=["recovery", "residual", "preference"],
    decoders=["linear", "ridge", "nearest"],
    examples=900,
    validation=60,
    components=64,
    epochs=30,
    sample=60,
    seed=0,
)


@pytest.fixture
def folder(tmp_path):
    """Users who go round the catalogue in order, and states that are their newest item's vector.

    Items 1 and 2 bear one title. What follows item i is item i + 1, so that preference is there
    to be read as well.
    """
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(N_ITEMS + 1, WIDTH)).astype(np.float32)
    titles = {i: f"Film {max(i, 2)}" for i in range(1, N_ITEMS + 1)}
    rows = [
        {"item_id": i, "source_id": f"f{i}", "raw_title": t, "title": t} for i, t in titles.items()
    ]
    tables.write_rows(tmp_path / "items.parquet", rows, schemas.ITEMS)
    events, examples, after, before, marks = [], [], [], [], []
    for user in range(1, N_USERS + 1):
        items = 1 + (rng.integers(N_ITEMS) + np.arange(7)) % N_ITEMS
        events += [
            {"user_id": user, "item_id": int(i), "time": 0, "position": p}
            for p, i in enumerate(items)
        ]
        for position in range(1, 7):
            history = items[max(0, position - HISTORY) : position]
            shown = np.zeros((HISTORY, WIDTH), np.float32)
            shown[: len(history)] = vectors[history]
            after.append(shown)
            before.append(np.where((np.arange(HISTORY) < len(history) - 1)[:, None], shown, 0))
            marks.append(len(history))
            split = "train" if user <= 160 else "validation" if user <= 180 else "test"
            examples.append(
                {"example_id": len(examples) + 1, "user_id": user, "position": position, "time": 0}
                | {"history": history.tolist(), "target": int(items[position]), "split": split}
            )
    tables.write_rows(tmp_path / "interactions.parquet", events, schemas.INTERACTIONS)
    about = {"history": HISTORY}
    tables.write_rows(tmp_path / "examples.parquet", examples, schemas.EXAMPLES, about)
    lengths, places = np.array(marks), np.arange(HISTORY)
    columns = {
        "example_id": np.arange(1, len(examples) + 1),
        "before": np.stack(before).reshape(len(examples), -1),
        "after": np.stack(after).reshape(len(examples), -1),
        "before_mask": places < lengths[:, None] - 1,
        "after_mask": places < lengths[:, None],
    }
    noted = {"recommender": "sasrec", "seed": 3, "shape": [HISTORY, WIDTH], "source": "recorded"}
    schema = schemas.states_schema(HISTORY, WIDTH)
    tables.write(tmp_path / "states.parquet", columns, schema, noted)
    save_file({"item_table.weight": vectors}, tmp_path / "model.safetensors")
    return tmp_path


def probed(folder, name="probes.parquet", settings=SETTINGS, weights=("model.safetensors",)):
    inputs = {
        key: folder / f"{key}.parquet" for key in ("states", "items", "interactions", "examples")
    }
    tables_of_items, probes = [folder / file for file in weights], folder / name
    probe_states(settings=settings, weights=tables_of_items, probes=probes, **inputs)
    return probes


def test_what_is_plainly_in_the_states_is_found_by_every_decoder(folder):
    path = probed(folder)
    rows = tables.read(path, schemas.PROBES).to_pylist()
    assert tables.metadata(path)["seed"] == 3
    assert len(rows) == 3 * 3 * 60
    for row in rows:
        if row["task"] == "preference":
            assert (row["rank"], row["hits"], row["correct"]) == (1, None, None), row
        elif row["task"] == "residual":
            assert (row["hits"], row["correct"], row["rank"]) == (1, True, None), row
        else:
            assert row["hits"] == row["expected"], row
    assert {row["user_id"] for row in rows} <= set(range(181, N_USERS + 1))
    assert sum(row["last"] for row in rows) == 9 * 20


def test_a_title_that_two_items_bear_is_right_for_both(folder):
    """Where items 1 and 2 have the same state, an answer that names either names both."""
    table = tables.read(folder / "states.parquet", schemas.states_schema(HISTORY, WIDTH))
    examples = tables.read(folder / "examples.parquet", schemas.EXAMPLES).to_pylist()
    after = np.stack(table["after"].to_pylist()).reshape(-1, HISTORY, WIDTH)
    for states, example in zip(after, examples, strict=True):
        for place, item in enumerate(example["history"]):
            states[place] = 0
            states[place, 0 if item <= 2 else item - 1] = 1
    columns = {name: table[name] for name in table.column_names}
    columns |= {"after": after.reshape(len(after), -1).astype(np.float32)}
    columns["before"] = np.zeros_like(columns["after"])
    schema, noted = (
        schemas.states_schema(HISTORY, WIDTH),
        tables.metadata(folder / "states.parquet"),
    )
    tables.write(folder / "states.parquet", columns, schema, noted)
    rows = tables.read(probed(folder), schemas.PROBES).filter(
        pa.compute.equal(pa.compute.field("task"), "residual")
    )
    assert all(rows["correct"].to_pylist())


def test_equal_inputs_give_equal_bytes(folder):
    first, second = (probed(folder, name).read_bytes() for name in ("1.parquet", "2.parquet"))
    assert first == second


def test_an_item_table_of_another_catalogue_is_refused(folder):
    save_file({"item_table.weight": np.ones((3, 2), np.float32)}, folder / "model.safetensors")
    with pytest.raises(UserError, match="has 3 rows, wanted 13"):
        probed(folder)
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="no item table can be read"):
        probed(folder)


def test_without_item_vectors_all_but_ridge_are_asked(folder):
    path, whole = probed(folder, "none.parquet", weights=()), probed(folder)
    assert tables.metadata(path)["settings"]["decoders"] == ["linear", "nearest"]
    kept = tables.read(whole, schemas.PROBES).filter(
        pa.compute.not_equal(pa.compute.field("probe"), "ridge")
    )
    assert tables.read(path, schemas.PROBES).equals(kept)


def test_without_validation_examples_the_user_is_told(folder):
    path = folder / "examples.parquet"
    table = tables.read(path, schemas.EXAMPLES).to_pylist()
    rows = [row | {"split": row["split"].replace("validation", "train")} for row in table]
    tables.write_rows(path, rows, schemas.EXAMPLES, {"history": HISTORY})
    with pytest.raises(UserError, match=r"bounds.decoders: \[\]"):
        probed(folder)
