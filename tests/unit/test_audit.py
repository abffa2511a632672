from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from recinterpreter import schemas, tables
from recinterpreter.data.audit import audit
from recinterpreter.data.interactions import build_interactions
from recinterpreter.data.split import build_examples
from recinterpreter.data.titles import build_items
from recinterpreter.settings.data import Split, Titles
from recinterpreter.stages.audit_data import audit_data

# Five users; by their first event: a, b, c train, d validation, e test.
EVENTS = [
    ("a", 1, 0), ("a", 2, 1), ("a", 3, 100),  # its third is later than the first test target
    ("b", 1, 10), ("b", 2, 10), ("b", 1, 11),  # two at once, an item again
    ("c", 2, 20), ("c", 3, 21),
    ("d", 1, 30), ("d", 3, 31), ("d", 2, 32),
    ("e", 1, 40), ("e", 4, 50), ("e", 2, 60), ("e", 3, 70), ("e", 5, 80),  # 4, 5: only here
]  # fmt: skip
TITLES = ["Gondola (1994)", "Gondola (1994)", "Hollow (1966)", "Hollow (1993)", "Café", "Plain"]


def dataset(unit: str) -> tuple[pa.Table, pa.Table, pa.Table]:
    titles = Titles(style="paper", allow_markup=False)
    items = build_items([(str(n), title) for n, title in enumerate(TITLES, 1)], titles)
    events = pl.DataFrame(
        [(user, str(item), time) for user, item, time in EVENTS],
        schema=["user", "item", "time"],
        orient="row",
    )
    _, interactions = build_interactions(events, items, None)
    chosen = Split(unit=unit, train=0.6, validation=0.2, history=2)
    return interactions, items, build_examples(interactions, chosen)


def rows(unit: str) -> dict[str, float]:
    table = audit(*dataset(unit))
    assert table.schema.equals(schemas.AUDIT)
    assert all(table["note"].to_pylist())
    assert len(set(table["check"].to_pylist())) == len(table)
    return dict(zip(table["check"].to_pylist(), table["value"].to_pylist(), strict=True))


def test_every_check_by_hand() -> None:
    assert rows("sequence") == pytest.approx(
        {
            "users": 5,
            "items": 6,
            "items_used": 5,
            "interactions": 16,
            "users_train": 3,
            "examples_train": 5,
            "users_validation": 1,
            "examples_validation": 2,
            "users_test": 1,
            "examples_test": 4,
            "training_later_than_test": 1 / 8,
            "test_targets_unseen": 2 / 4,
            "length_min": 2,
            "length_median": 3,
            "length_max": 5,
            "test_history_mean": (1 + 2 + 2 + 2) / 4,
            "last_test_history_mean": 2,
            "empty_histories": 0,
            "tied_timestamps": 2 / 16,
            "repeated_items": 1 / 16,
            "duplicate_raw_titles": 2,
            "duplicate_titles": 4,
            "awkward_titles": 1,
        }
    )


def test_a_split_in_time_has_no_later_training() -> None:
    # 11 targets: 6 train (to time 31), 2 validation (32, 50), 3 test (60, 70, 80, 100 less one)
    found = rows("time")
    assert found["training_later_than_test"] == 0
    assert found["examples_train"] == 6
    assert found["examples_validation"] == 2
    assert found["examples_test"] == 3


def test_leave_one_out_trains_on_what_comes_before_the_last_two() -> None:
    # targets: a, b, d two each (validation and test), c one (train), e four (the first two train)
    found = rows("leave-one-out")
    assert [found[f"examples_{s}"] for s in ("train", "validation", "test")] == [3, 4, 4]
    assert [found[f"users_{s}"] for s in ("train", "validation", "test")] == [2, 4, 4]
    # seen in training: c's two events and e's first three; the first test target is b's, at 11
    assert found["training_later_than_test"] == 1
    assert found["test_targets_unseen"] == 1 / 4  # e's 5
    assert found["last_test_history_mean"] == found["test_history_mean"] == 2


def test_the_stage(tmp_path: Path) -> None:
    names = ("interactions", "items", "examples")
    paths = {name: tmp_path / f"{name}.parquet" for name in names}
    wanted = (schemas.INTERACTIONS, schemas.ITEMS, schemas.EXAMPLES)
    made = dataset("sequence")
    for path, table, schema in zip(paths.values(), made, wanted, strict=True):
        tables.write(path, table, schema)
    audit_data(**paths, audit=tmp_path / "audit.parquet")
    assert tables.read(tmp_path / "audit.parquet", schemas.AUDIT).equals(audit(*made))
