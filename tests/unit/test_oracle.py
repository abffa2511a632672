"""Oracle items: histories with a dream behind them, and the two tables of what was dreamt."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sequence_examples import training_settings, write_tables

from recinterpreter import kept, schemas, tables
from recinterpreter.checkpoint import Progress, write_json, write_tensors
from recinterpreter.contents import content_digest
from recinterpreter.data.evaluated import evaluated_examples
from recinterpreter.errors import UserError
from recinterpreter.recommenders import windows
from recinterpreter.recommenders.dreamrec import DreamRec
from recinterpreter.recommenders.models import build, load
from recinterpreter.recommenders.oracle import Dreams, extended_states
from recinterpreter.recommenders.sequence import SequenceBatch
from recinterpreter.recommenders.windows import Windows
from recinterpreter.settings.recommenders import OracleItems
from recinterpreter.shards import ALL
from recinterpreter.stages import generate_oracle_items as stage
from recinterpreter.stages.gather_tables import gather_tables
from recinterpreter.stages.generate_oracle_items import generate_oracle_items

CPU = torch.device("cpu")
N_ITEMS, HISTORY, WIDTH = 25, 4, 16
HISTORIES = [[7], [3, 9], [5, 5, 2], [8, 1, 6, 4], [2, 2, 2, 2]]


@pytest.fixture
def model() -> DreamRec:
    built = build(training_settings("dreamrec", seed=3), N_ITEMS, HISTORY, CPU)
    assert isinstance(built, DreamRec)
    return built.eval()


def batch_of(histories: list[list[int]]) -> SequenceBatch:
    padded = torch.tensor([items + [0] * (HISTORY - len(items)) for items in histories])
    lengths = torch.tensor([len(items) for items in histories])
    return SequenceBatch(padded, lengths, padded, torch.arange(1, len(histories) + 1))


def recent(items: list[int]) -> list[int]:
    """What of a history is kept with an item behind it."""
    return items[-(HISTORY - 1) :]


@torch.no_grad()
def test_masks_say_that_a_full_history_loses_its_oldest_item(model: DreamRec) -> None:
    vectors = torch.randn(len(HISTORIES), WIDTH)
    before, after, before_mask, after_mask = extended_states(model, batch_of(HISTORIES), vectors)
    assert before.shape == after.shape == (len(HISTORIES), HISTORY * WIDTH)
    assert before_mask.sum(1).tolist() == [1, 2, 3, 3, 3]
    assert after_mask.sum(1).tolist() == [2, 3, 4, 4, 4]
    for states, mask in ((before, before_mask), (after, after_mask)):
        assert (mask.int().diff(dim=1) <= 0).all()  # from the left
        used = states.view(-1, HISTORY, WIDTH).any(2)
        assert torch.equal(used, mask)


@torch.no_grad()
def test_an_items_own_vector_is_read_like_that_item(model: DreamRec) -> None:
    items = torch.tensor([11, 12, 13, 14, 15])
    before, after, *_ = extended_states(model, batch_of(HISTORIES), model.embed(items))
    kept = [recent(history) for history in HISTORIES]
    longer = [[*history, item] for history, item in zip(kept, items.tolist(), strict=True)]
    for found, histories in ((before, kept), (after, longer)):
        wanted = batch_of(histories)
        states = model.states(wanted.item_ids, wanted.lengths)
        assert torch.equal(found, states.flatten(1))


@torch.no_grad()
def test_what_is_behind_a_history_changes_no_state_before_it(model: DreamRec) -> None:
    vectors = torch.randn(2, len(HISTORIES), WIDTH)
    (one, *_), (other, *_) = (extended_states(model, batch_of(HISTORIES), v) for v in vectors)
    assert torch.equal(one, other)
    (_, one, mask, _), (_, other, *_) = (
        extended_states(model, batch_of(HISTORIES), v) for v in vectors
    )
    same = (one == other).view(-1, HISTORY, WIDTH).all(2)
    assert same[mask].all()  # the history's positions look back only
    assert not same[torch.arange(len(HISTORIES)), mask.sum(1)].any()


def test_the_nearest_item_is_that_of_the_largest_cosine() -> None:
    table = torch.randn(N_ITEMS + 1, WIDTH)
    table[0] = 0
    dreams = Dreams(torch.tensor([4, 9]), torch.stack([table[6] * 0.1, -table[2]]), table)
    items, cosines = dreams.nearest()
    assert items[0] == 6
    assert cosines[0] == pytest.approx(1, abs=1e-6)
    assert items[1] not in (0, 2)
    batch = batch_of(HISTORIES[:2])
    asked = SequenceBatch(batch.item_ids, batch.lengths, batch.targets, torch.tensor([9, 4]))
    scores = dreams.scores(asked)
    assert scores.shape == (2, N_ITEMS + 1)
    assert (scores[:, 0] == -torch.inf).all()
    assert scores.argmax(1).tolist() == items[::-1].tolist()
    assert scores[0, 1:].argmin() + 1 == 2


def write_all(folder: Path, recommender: str = "dreamrec", history: int = HISTORY) -> None:
    random = np.random.default_rng(0)
    sequences = [random.integers(1, N_ITEMS + 1, random.integers(2, 9)).tolist() for _ in range(40)]
    write_tables(folder, sequences, HISTORY, N_ITEMS)
    settings = training_settings(recommender, seed=3)
    facts = {"settings": settings.model_dump(mode="json"), "n_items": N_ITEMS, "history": history}
    write_json(folder / "config.json", facts)
    model = build(settings, N_ITEMS, history, CPU)
    write_tensors(folder / "model.safetensors", model.state_dict())


def generate(
    folder: Path,
    batch_size: int = 99,
    precision: str = "float32",
    shard: str = ALL,
    work: Path | None = None,
) -> tuple[Path, Path]:
    settings = {"precision": precision, "sample": 12, "seed": 1}
    name = f"{batch_size}.{shard}.parquet"
    states, oracle = (folder / f"{table}-{name}" for table in ("states", "oracle"))
    generate_oracle_items(
        settings=OracleItems.model_validate(settings),
        batch_size=batch_size,
        config=folder / "config.json",
        weights=folder / "model.safetensors",
        interactions=folder / "interactions.parquet",
        examples=folder / "examples.parquet",
        states=states,
        oracle=oracle,
        progress=Progress(work),
        shard=shard,
    )
    return states, oracle


def rows(path: Path) -> dict[str, list[Any]]:
    return pq.read_table(path).to_pydict()


def test_the_tables_are_of_the_evaluated_examples(tmp_path: Path) -> None:
    write_all(tmp_path)
    states, oracle = generate(tmp_path)
    examples = tables.read(tmp_path / "examples.parquet", schemas.EXAMPLES)
    chosen = evaluated_examples(examples, 12, 1)
    read = tables.read(states, schemas.states_schema(HISTORY, WIDTH))
    dreamt = tables.read(oracle, schemas.oracle_schema(WIDTH))
    assert read["example_id"].to_pylist() == dreamt["example_id"].to_pylist() == chosen.tolist()
    rows = examples.take(chosen - 1)
    assert dreamt["user_id"].equals(rows["user_id"])
    assert sum(dreamt["last"].to_pylist()) == len(set(rows["user_id"].to_pylist()))

    model = load(tmp_path / "config.json", tmp_path / "model.safetensors", CPU)
    assert isinstance(model, DreamRec)
    vectors = torch.tensor(tables.matrix(dreamt["vector"], 1)[:, 0])
    batch = windows.from_rows(rows, HISTORY).batch(CPU)
    with torch.no_grad():
        wanted = model.oracle_items(batch)
        found = extended_states(model, batch, vectors)
    assert torch.cosine_similarity(vectors, wanted).min() > 1 - 1e-5
    torch.testing.assert_close(vectors.norm(dim=1), torch.full((len(chosen),), WIDTH**0.5))
    for name, part in zip(("before", "after", "before_mask", "after_mask"), found, strict=True):
        stored = tables.matrix(read[name], 1)[:, 0]
        np.testing.assert_allclose(stored, part.numpy(), atol=1e-5)


def test_a_dream_is_described_by_what_its_user_has_met(tmp_path: Path) -> None:
    write_all(tmp_path)
    _, oracle = generate(tmp_path)
    rows = tables.read(oracle, schemas.oracle_schema(WIDTH)).to_pylist()
    examples = tables.read(tmp_path / "examples.parquet", schemas.EXAMPLES).to_pylist()
    events = tables.read(tmp_path / "interactions.parquet", schemas.INTERACTIONS).to_pylist()
    model = load(tmp_path / "config.json", tmp_path / "model.safetensors", CPU)
    items = model.item_table.weight.detach().numpy()
    for row in rows:
        example = examples[row["example_id"] - 1]
        met = {
            event["item_id"]
            for event in events
            if event["user_id"] == row["user_id"] and event["position"] < example["position"]
        }
        vector = np.array(row["vector"])
        with np.errstate(invalid="ignore"):  # of the padding row
            cosines = items @ vector / np.linalg.norm(items, axis=1) / np.linalg.norm(vector)
        assert row["item_id"] == np.nanargmax(cosines)
        assert row["cosine"] == pytest.approx(np.nanmax(cosines), abs=1e-5)
        assert row["seen"] == (row["item_id"] in met)
        target = example["target"]
        others = [i for i in range(1, N_ITEMS + 1) if i not in met and i != target]
        assert row["rank"] == 1 + (cosines[others] >= cosines[target]).sum()
    assert {row["seen"] for row in rows} == {True, False}


def test_both_tables_say_whose_they_are(tmp_path: Path) -> None:
    write_all(tmp_path)
    for path in generate(tmp_path):
        assert tables.metadata(path) == {
            "recommender": "dreamrec",
            "seed": 3,
            "shape": [HISTORY, WIDTH],
            "checkpoint": content_digest(tmp_path / "model.safetensors"),
            "source": "oracle",
            "n_items": N_ITEMS,
        }


def test_neither_batches_nor_row_groups_change_a_dream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all(tmp_path)
    whole = generate(tmp_path, 99)
    monkeypatch.setattr(tables, "_GROUP_BYTES", 5 * 2 * HISTORY * WIDTH * 4)
    parts = generate(tmp_path, 2)
    assert [pq.ParquetFile(path).num_row_groups for path in (*whole, *parts)] == [1, 1, 3, 1]
    wanted = schemas.states_schema(HISTORY, WIDTH), schemas.oracle_schema(WIDTH)
    for schema, *paths in zip(wanted, whole, parts, strict=True):
        one, other = (tables.read(path, schema) for path in paths)
        for field in schema:
            columns = one[field.name], other[field.name]
            if pa.types.is_fixed_size_list(field.type):
                columns = [tables.matrix(column, 1) for column in columns]
                np.testing.assert_allclose(*columns, atol=1e-5)
            elif field.name == "cosine":
                np.testing.assert_allclose(*columns, atol=1e-5)
            else:
                assert columns[0].equals(columns[1]), field.name


def test_parts_gathered_are_the_bytes_of_one_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "BLOCK", 5)
    write_all(tmp_path)
    whole = generate(tmp_path, 5)
    shards = [generate(tmp_path, 5, shard=f"{i}-of-4") for i in (1, 2, 3, 4)]
    parts = [part for table in zip(*shards, strict=True) for part in table]
    assert 0 in [pq.ParquetFile(part).metadata.num_rows for part in parts]
    gathered = [tmp_path / "s.parquet", tmp_path / "o.parquet"]
    gather_tables(parts=parts, gathered=gathered)
    assert [p.read_bytes() for p in gathered] == [p.read_bytes() for p in whole]


@pytest.mark.parametrize("size", [2, 5])
def test_a_job_that_was_ended_goes_on_where_it_was(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its next life may take other batches."""
    write_all(tmp_path)
    made = generate(tmp_path, 2)
    whole, wanted_bytes = [rows(path) for path in made], [path.read_bytes() for path in made]
    dreamt: list[int] = []
    dream, work = stage.dream, tmp_path / "work"

    def counted(model: DreamRec, examples: Windows, *how: Any) -> Any:
        if len(dreamt) == 6:
            raise KeyboardInterrupt
        dreamt.extend(examples.example_ids.tolist())
        return dream(model, examples, *how)

    monkeypatch.setattr(kept, "_SECONDS", 0)
    monkeypatch.setattr(stage, "dream", counted)
    for path in tmp_path.glob("*-2.*"):
        path.unlink()
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, 2, work=work)
    assert not [*tmp_path.glob("*-2.*")]
    assert len([*work.iterdir()]) == 3
    before = {*dreamt}
    dreamt.clear()
    again = generate(tmp_path, size, work=work)
    if size == 2:
        assert [path.read_bytes() for path in again] == wanted_bytes
    for path, wanted in zip(again, whole, strict=True):
        found = rows(path)
        assert {*found} == {*wanted}
        for name, column in wanted.items():
            np.testing.assert_allclose(found[name], column, atol=1e-5, err_msg=name)
    assert not before & {*dreamt}
    assert not work.exists()


def test_half_precision_is_that_of_the_states_alone(tmp_path: Path) -> None:
    write_all(tmp_path)
    states, oracle = generate(tmp_path, precision="float16")
    tables.read(states, schemas.states_schema(HISTORY, WIDTH, "float16"))
    tables.read(oracle, schemas.oracle_schema(WIDTH))


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    write_all(tmp_path)
    first, again = ([path.read_bytes() for path in generate(tmp_path)] for _ in range(2))
    assert first == again


def test_another_recommender_does_not_dream(tmp_path: Path) -> None:
    write_all(tmp_path, "sasrec")
    with pytest.raises(
        UserError, match=r"config\.json is of sasrec; wanted dreamrec, no other dreams"
    ):
        generate(tmp_path)


def test_examples_of_another_history_are_refused(tmp_path: Path) -> None:
    write_all(tmp_path, history=HISTORY + 1)
    with pytest.raises(UserError, match=f"this model was trained with {HISTORY + 1}: take"):
        generate(tmp_path)
    assert not list(tmp_path.glob("oracle-*"))
