"""Tables come back as written, whole or not at all, and tell what is wrong with a foreign one."""

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError

EVENTS = {"user_id": [1, 1], "item_id": [2, 3], "time": [10, 11], "position": [0, 1]}


def test_a_table_and_its_metadata_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "interactions.parquet"
    tables.write(path, EVENTS, schemas.INTERACTIONS, {"n_items": 3, "name": "é"})
    assert tables.read(path, schemas.INTERACTIONS).to_pydict() == EVENTS
    assert tables.read(path, schemas.INTERACTIONS, ["time"]).to_pydict() == {"time": [10, 11]}
    assert tables.metadata(path) == {"n_items": 3, "name": "é"}
    assert [p.name for p in path.parent.iterdir()] == ["interactions.parquet"]


def test_equal_tables_are_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        tables.write(tmp_path / name, EVENTS, schemas.INTERACTIONS, {"b": 1, "a": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_schemas_forbid_nulls_where_they_say_so(tmp_path: Path) -> None:
    with pytest.raises((pa.ArrowInvalid, ValueError), match="null"):
        tables.write(tmp_path / "t", {**EVENTS, "time": [10, None]}, schemas.INTERACTIONS)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_write_leaves_no_file_and_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "interactions.parquet"

    def fail_half_way() -> None:
        with tables.Writer(path, schemas.INTERACTIONS) as writer:
            writer.write(EVENTS)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []
    tables.write(path, EVENTS, schemas.INTERACTIONS)
    old = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["interactions.parquet"]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"user_id": pa.array([1], pa.int32())}), path)
    with pytest.raises(UserError, match=r"t\.parquet: column 'item_id' is missing; found user_id"):
        tables.read(path, schemas.INTERACTIONS)


def test_a_column_of_another_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.Table.from_pydict(EVENTS, schemas.INTERACTIONS)
    pq.write_table(table.set_column(2, "time", pa.array([1.0, 2.0])), path)
    with pytest.raises(UserError, match="column 'time' is double, wanted int64"):
        tables.read(path, schemas.INTERACTIONS)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"user,item\n1,2\n"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"t\.parquet: not a readable Parquet file"):
        tables.read(path, schemas.INTERACTIONS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such table; ask Snakemake for it: snakemake"):
        tables.read(tmp_path / "t.parquet", schemas.INTERACTIONS)


def states(n: int, positions: int, width: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    floats = rng.normal(size=(2, n, positions * width)).astype(np.float32)
    marks = rng.random((2, n, positions)) < 0.5
    return {
        "example_id": np.arange(1, n + 1),
        "before": floats[0],
        "after": floats[1],
        "before_mask": marks[0],
        "after_mask": marks[1],
    }


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_states_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, n: int, positions: int, width: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("states") / "s.parquet"
    rows = states(n, positions, width, seed)
    schema = schemas.states_schema(positions, width)
    with tables.Writer(path, schema) as writer:  # in two row groups
        for part in (slice(0, n // 2), slice(n // 2, n)):
            writer.write({name: column[part] for name, column in rows.items()})
    table = tables.read(path, schema)
    for name in ("before", "after"):
        back = tables.matrix(table[name], positions)
        assert back.shape == (n, positions, width)
        assert back.reshape(n, -1).tobytes() == rows[name].tobytes()
        assert (
            tables.matrix(table[f"{name}_mask"], positions)[:, :, 0] == rows[f"{name}_mask"]
        ).all()
    batches = list(tables.read_batches(path, 2))
    assert sum(len(batch) for batch in batches) == n
    assert max(len(batch) for batch in batches) <= 2


def test_states_are_stored_stream_split_and_compressed(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    tables.write(path, states(64, 3, 8, 0), schemas.states_schema(3, 8))
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    for name in ("before.list.element", "after.list.element"):
        assert "BYTE_STREAM_SPLIT" in columns[name].encodings
        assert columns[name].compression == "ZSTD"


def test_states_may_be_absent(tmp_path: Path) -> None:
    path, schema = tmp_path / "s.parquet", schemas.states_schema(2, 3)
    rows = states(2, 2, 3, 0)
    kind = schema.field("before").type
    # not pa.nulls: that would put nulls into the elements too, which the schema forbids
    floats = pa.array(np.zeros(2 * kind.list_size, np.float32))
    nothing = pa.FixedSizeListArray.from_arrays(floats, type=kind, mask=pa.array([True, True]))
    tables.write(path, {**rows, "before": nothing, "after": nothing}, schema)
    assert tables.read(path, schema)["before"].null_count == 2
