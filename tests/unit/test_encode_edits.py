"""States of edited histories are those of a recommender that was shown these histories."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sequence_examples import RECOMMENDERS, training_settings, write_tables

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import write_json, write_tensors
from recinterpreter.contents import content_digest
from recinterpreter.errors import UserError
from recinterpreter.recommenders.models import build, load
from recinterpreter.settings.evidence import EditedStates, Edits
from recinterpreter.stages.edit_histories import edit_histories
from recinterpreter.stages.encode_edits import encode_edits

CPU = torch.device("cpu")
N_ITEMS, HISTORY = 25, 4
KINDS = ["drop", "append"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set, its edits, and nothing of a recommender yet."""
    random = np.random.default_rng(0)
    sequences = [random.permutation(N_ITEMS)[: random.integers(3, 9)] + 1 for _ in range(40)]
    write_tables(tmp_path, [s.tolist() for s in sequences], HISTORY, N_ITEMS)
    rows = [
        {"item_id": i, "source_id": str(i), "raw_title": f"T {i}", "title": f"T {i}"}
        for i in range(1, N_ITEMS + 1)
    ]
    tables.write_rows(tmp_path / "items.parquet", rows, schemas.ITEMS)
    edit_histories(
        settings=Edits(kinds=KINDS, sample=9, seed=0),  # type: ignore[arg-type]
        items=tmp_path / "items.parquet",
        interactions=tmp_path / "interactions.parquet",
        examples=tmp_path / "examples.parquet",
        edits=tmp_path / "edits.parquet",
    )
    return tmp_path


def encode(folder: Path, recommender: str, names: list[str]) -> list[Path]:
    settings = training_settings(recommender, seed=3)
    facts = {"settings": settings.model_dump(mode="json"), "n_items": N_ITEMS, "history": HISTORY}
    write_json(folder / "config.json", facts)
    write_tensors(folder / "model.safetensors", build(settings, N_ITEMS, HISTORY, CPU).state_dict())
    encode_edits(
        settings=EditedStates(precision="float32", kinds=KINDS),  # type: ignore
        batch_size=3,
        config=folder / "config.json",
        weights=folder / "model.safetensors",
        examples=folder / "examples.parquet",
        edits=folder / "edits.parquet",
        states=[folder / name for name in names],
    )
    return [folder / name for name in names]


@pytest.mark.parametrize("recommender", RECOMMENDERS)
def test_states_are_those_of_each_edited_history_alone(recommender: str, folder: Path) -> None:
    paths = encode(folder, recommender, ["drop.parquet", "append.parquet"])
    model = load(folder / "config.json", folder / "model.safetensors", CPU)
    edits = tables.read(folder / "edits.parquet", schemas.EDITS).to_pylist()
    for kind, path in zip(KINDS, paths, strict=True):
        wanted = [row for row in edits if row["edit"] == kind]
        positions, width = model.state_shape
        rows = tables.read(path, schemas.states_schema(positions, width))
        assert rows["example_id"].to_pylist() == [row["example_id"] for row in wanted]
        for name, less in (("before", 1), ("after", 0)):
            states = tables.matrix(rows[name], positions)
            for row, edit in enumerate(wanted):
                items = edit["history"][: len(edit["history"]) - less]
                if items:
                    with torch.no_grad():
                        alone = model.states(torch.tensor([items]), torch.tensor([len(items)]))
                    read = min(len(items), positions)
                    np.testing.assert_allclose(states[row, :read], alone[0], atol=1e-5)
        assert tables.metadata(path) == {
            "recommender": recommender,
            "seed": 3,
            "shape": [positions, width],
            "checkpoint": content_digest(folder / "model.safetensors"),
            "n_items": N_ITEMS,
            "source": f"edit_{kind}",
        }


def test_a_table_is_wanted_for_every_kind(folder: Path) -> None:
    with pytest.raises(UserError, match="got 1 files; wanted 2, one for each of drop, append"):
        encode(folder, "gru4rec", ["drop.parquet"])


def test_edits_of_other_examples_are_refused(folder: Path) -> None:
    rows = tables.read(folder / "edits.parquet", schemas.EDITS).to_pylist()
    rows[0]["example_id"] = 10_000
    tables.write_rows(folder / "edits.parquet", rows, schemas.EDITS)
    with pytest.raises(UserError, match="of other examples"):
        encode(folder, "gru4rec", ["drop.parquet", "append.parquet"])
