"""The states file: what is in it, how it is stored, and what is selected from it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sequence_examples import RECOMMENDERS, training_settings, write_tables

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import write_json, write_tensors
from recinterpreter.contents import content_digest
from recinterpreter.data.evaluated import evaluated_examples
from recinterpreter.errors import UserError
from recinterpreter.recommenders.models import build, load
from recinterpreter.settings.answers import StateSelection
from recinterpreter.settings.recommenders import States
from recinterpreter.shards import ALL
from recinterpreter.stages.encode_states import encode_states
from recinterpreter.stages.gather_tables import gather_tables
from recinterpreter.stages.select_states import select_states

CPU = torch.device("cpu")
N_ITEMS, HISTORY, WIDTH = 25, 4, 16
every_recommender = pytest.mark.parametrize("recommender", RECOMMENDERS)
CONTROLS = ["another_user", "mean_state", "prompt_only"]


def write_model(folder: Path, recommender: str, history: int = HISTORY) -> None:
    settings = training_settings(recommender, seed=3)
    facts = {"settings": settings.model_dump(mode="json"), "n_items": N_ITEMS, "history": history}
    write_json(folder / "config.json", facts)
    model = build(settings, N_ITEMS, history, CPU)
    write_tensors(folder / "model.safetensors", model.state_dict())


def write_examples(folder: Path) -> None:
    random = np.random.default_rng(0)
    sequences = [random.integers(1, N_ITEMS + 1, random.integers(2, 9)).tolist() for _ in range(40)]
    write_tables(folder, sequences, HISTORY, N_ITEMS)


def encode_into(
    folder: Path, path: Path, precision: str = "float32", batch_size: int = 99, shard: str = ALL
) -> Path:
    encode_states(
        settings=States(precision=precision),  # type: ignore[arg-type]
        batch_size=batch_size,
        config=folder / "config.json",
        weights=folder / "model.safetensors",
        examples=folder / "examples.parquet",
        states=path,
        shard=shard,
    )
    return path


def encode(
    folder: Path, recommender: str = "sasrec", precision: str = "float32", batch_size: int = 1024
) -> Path:
    write_examples(folder)
    write_model(folder, recommender)
    path = folder / f"states-{precision}-{batch_size}.parquet"
    return encode_into(folder, path, precision, batch_size)


@every_recommender
def test_states_are_those_of_each_history_alone(recommender: str, tmp_path: Path) -> None:
    path = encode(tmp_path, recommender)
    model = load(tmp_path / "config.json", tmp_path / "model.safetensors", CPU)
    positions, width = model.state_shape
    rows = tables.read(path, schemas.states_schema(positions, width))
    examples = tables.read(tmp_path / "examples.parquet", schemas.EXAMPLES).to_pydict()
    assert rows["example_id"].to_pylist() == examples["example_id"]
    for name, less in (("before", 1), ("after", 0)):
        states = tables.matrix(rows[name], positions)
        mask = tables.matrix(rows[f"{name}_mask"], positions)[..., 0]
        assert not states[~mask].any()
        for row, history in enumerate(examples["history"]):
            items = history[: len(history) - less]
            read = len(items) if positions == HISTORY else min(1, len(items))
            assert mask[row].tolist() == [True] * read + [False] * (positions - read)
            if items:
                with torch.no_grad():
                    alone = model.states(torch.tensor([items]), torch.tensor([len(items)]))
                np.testing.assert_allclose(states[row, :read], alone[0], atol=1e-5)


def test_caser_has_one_vector_of_all_that_its_filters_find(tmp_path: Path) -> None:
    states = encode(tmp_path, "caser")
    width = WIDTH + 4 * 2  # of a vertical filter, and four filters of two sizes
    assert tables.metadata(states)["shape"] == [1, width]
    rows = tables.read(states, schemas.states_schema(1, width))
    examples = tables.read(tmp_path / "examples.parquet", schemas.EXAMPLES)
    lengths = np.array([len(history) for history in examples["history"].to_pylist()])
    assert (lengths == 1).any()
    assert tables.matrix(rows["after_mask"], 1).all()
    # nothing has been read before the one item of a history
    assert np.array_equal(tables.matrix(rows["before_mask"], 1)[:, 0, 0], lengths > 1)
    before = tables.matrix(rows["before"], 1)[:, 0]
    assert np.array_equal(before.any(1), lengths > 1)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    assert tables.metadata(encode(tmp_path)) == {
        "recommender": "sasrec",
        "seed": 3,
        "shape": [HISTORY, WIDTH],
        "checkpoint": content_digest(tmp_path / "model.safetensors"),
        "source": "recorded",
        "n_items": N_ITEMS,
    }


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_floats_are_stored_split_and_compressed(precision: str, tmp_path: Path) -> None:
    file = pq.ParquetFile(encode(tmp_path, precision=precision))
    assert file.schema_arrow.field("after").type == pa.list_(
        pa.field("element", pa.type_for_alias(precision), nullable=False), HISTORY * WIDTH
    )
    group = file.metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    for name in ("before.list.element", "after.list.element"):
        assert "BYTE_STREAM_SPLIT" in columns[name].encodings
        assert columns[name].compression == "ZSTD"


def test_half_precision_is_the_rounded_single(tmp_path: Path) -> None:
    single, half = (encode(tmp_path, precision=p) for p in ("float32", "float16"))
    wanted = tables.matrix(tables.read(single, schemas.states_schema(HISTORY, WIDTH))["after"], 4)
    schema = schemas.states_schema(HISTORY, WIDTH, "float16")
    found = tables.matrix(tables.read(half, schema)["after"], 4)
    assert np.array_equal(found, wanted.astype(np.float16))


def test_states_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    encode(tmp_path)
    model = load(tmp_path / "config.json", tmp_path / "model.safetensors", CPU)
    with torch.no_grad():
        model.norm.bias += 1e6  # type: ignore[operator,union-attr]
    write_tensors(tmp_path / "model.safetensors", model.state_dict())
    with pytest.raises(UserError, match="not a finite number in float16"):
        encode_into(tmp_path, tmp_path / "never.parquet", "float16")
    assert not (tmp_path / "never.parquet").exists()


@every_recommender
@pytest.mark.parametrize("history", [HISTORY - 1, HISTORY + 1])
def test_examples_of_another_history_are_refused(
    recommender: str, history: int, tmp_path: Path
) -> None:
    write_examples(tmp_path)
    write_model(tmp_path, recommender, history)
    message = f"examples with split.history {HISTORY}; this model was trained with {history}: take"
    with pytest.raises(UserError, match=message):
        encode_into(tmp_path, tmp_path / "never.parquet")
    assert not (tmp_path / "never.parquet").exists()


def test_row_groups_bound_the_memory_whatever_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = 2 * HISTORY * WIDTH * 4
    monkeypatch.setattr(tables, "_GROUP_BYTES", 10 * row)
    paths = [encode(tmp_path, batch_size=size) for size in (3, 7)]
    for path in paths:
        file = pq.ParquetFile(path).metadata
        sizes = [file.row_group(i).num_rows for i in range(file.num_row_groups)]
        assert max(sizes) == 10
        assert len(sizes) == -(-sum(sizes) // 10)
    first, second = (
        tables.matrix(tables.read(p, schemas.states_schema(HISTORY, WIDTH))["after"], HISTORY)
        for p in paths
    )
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 50])
def test_parts_gathered_are_the_bytes_of_one_job(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole blocks go to each job, and to the last of too many none at all."""
    monkeypatch.setattr("recinterpreter.stages.encode_states.BLOCK", 9)
    whole = encode(tmp_path, batch_size=9)
    parts = [tmp_path / f"{i}.parquet" for i in range(1, count + 1)]
    for i, part in enumerate(parts, start=1):
        encode_into(tmp_path, part, batch_size=9, shard=f"{i}-of-{count}")
    sizes = [tables.read(part, schemas.states_schema(HISTORY, WIDTH)).num_rows for part in parts]
    assert all(size % 9 == 0 for size in sizes[:-1])
    assert max(sizes) < sum(sizes)
    assert (0 in sizes) == (count == 50)
    gather_tables(parts=parts, gathered=[tmp_path / "gathered.parquet"])
    assert (tmp_path / "gathered.parquet").read_bytes() == whole.read_bytes()


def test_parts_made_with_different_batch_sizes_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One was finished, all were ended, and the batch size changed before the next run."""
    monkeypatch.setattr("recinterpreter.stages.encode_states.BLOCK", 9)
    whole = encode(tmp_path, batch_size=9)
    parts = [tmp_path / f"{i}.parquet" for i in (1, 2, 3)]
    for i, (part, size) in enumerate(zip(parts, (9, 4, 99), strict=True), start=1):
        encode_into(tmp_path, part, batch_size=size, shard=f"{i}-of-3")
    gather_tables(parts=parts, gathered=[tmp_path / "gathered.parquet"])
    schema = schemas.states_schema(HISTORY, WIDTH)
    found, wanted = (tables.read(path, schema) for path in (tmp_path / "gathered.parquet", whole))
    assert found["example_id"].equals(wanted["example_id"])
    for name in ("before", "after"):
        numbers = (tables.matrix(table[name], HISTORY) for table in (found, wanted))
        np.testing.assert_allclose(*numbers, atol=1e-6)


def select(folder: Path, states: Path, sample: int = 12) -> list[Path]:
    paths = [folder / f"{name}.parquet" for name in ("recorded", *CONTROLS)]
    settings = StateSelection.model_validate({"controls": CONTROLS, "sample": sample, "seed": 1})
    select_states(
        settings=settings, examples=folder / "examples.parquet", states=states, selected=paths
    )
    return paths


@pytest.mark.parametrize(
    ("recommender", "precision"),
    [("sasrec", "float32"), ("sasrec", "float16"), ("caser", "float32")],
)
def test_every_source_has_the_evaluated_examples(
    recommender: str, precision: str, tmp_path: Path
) -> None:
    states = encode(tmp_path, recommender, precision)
    positions, width = tables.metadata(states)["shape"]
    examples = tables.read(tmp_path / "examples.parquet", schemas.EXAMPLES)
    chosen = evaluated_examples(examples, 12, 1)
    schema = schemas.states_schema(positions, width, precision)
    everything = tables.read(states, schema)
    found = {}
    for path in select(tmp_path, states):
        noted = tables.metadata(path)
        assert noted == {**tables.metadata(states), "source": path.stem}
        rows = tables.read(path, schema)
        assert rows["example_id"].to_pylist() == chosen.tolist()
        found[path.stem] = rows
    assert found["recorded"].equals(everything.take(pa.array(chosen - 1)))
    assert found["prompt_only"]["after"].null_count == len(chosen)
    assert found["prompt_only"]["before"].null_count == len(chosen)

    training = np.array(examples["split"].to_pylist()) == "train"
    after = tables.matrix(everything["after"], positions)[training].astype(np.float64)
    mask = tables.matrix(everything["after_mask"], positions)[training]
    mean = (after * mask).sum(0) / mask.sum(0)
    shown = tables.matrix(found["mean_state"]["after"], positions)
    own = tables.matrix(found["recorded"]["after_mask"], positions)
    np.testing.assert_allclose(shown, mean * own, atol=1e-3 if precision == "float16" else 1e-6)

    users = np.array(examples["user_id"].to_pylist())
    recorded, other = (
        tables.matrix(found[name]["after"], positions) for name in ("recorded", "another_user")
    )
    for row, example in enumerate(chosen):
        donors = [i for i in range(len(chosen)) if np.array_equal(recorded[i], other[row])]
        assert any(users[chosen[i] - 1] != users[example - 1] for i in donors)


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    states = encode(tmp_path)
    first = [states.read_bytes(), *(p.read_bytes() for p in select(tmp_path, states))]
    states = encode(tmp_path)
    assert first == [states.read_bytes(), *(p.read_bytes() for p in select(tmp_path, states))]


def test_states_of_other_examples_are_refused(tmp_path: Path) -> None:
    states = encode(tmp_path)
    rows = tables.read(states, schemas.states_schema(HISTORY, WIDTH))
    other = tmp_path / "other.parquet"
    for part, message in ((rows.slice(0, 20), "states of 20 examples"), (rows[3:], "not of these")):
        tables.write(other, part, rows.schema, tables.metadata(states))
        with pytest.raises(UserError, match=message):
            select(tmp_path, other)


def test_a_wrong_number_of_outputs_is_refused(tmp_path: Path) -> None:
    states = encode(tmp_path)
    with pytest.raises(UserError, match="got 1 files; wanted 2"):
        select_states(
            settings=StateSelection(controls=["mean_state"], sample=5, seed=0),
            examples=tmp_path / "examples.parquet",
            states=states,
            selected=[tmp_path / "only.parquet"],
        )
