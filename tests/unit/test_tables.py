"""Tables come back as written, whole or not at all, and tell what is wrong with a foreign one."""

import itertools
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
    with tables.Writer(path, schema) as writer:
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


def in_pieces(path: Path, table: pa.Table, schema: pa.Schema, cuts: list[int]) -> bytes:
    """Write a table, handed over in pieces that end at the cuts; return the file."""
    ends = sorted(min(cut, len(table)) for cut in cuts)
    with tables.Writer(path, schema, {"a": 1}) as writer:
        for start, end in itertools.pairwise([0, *ends, len(table)]):
            writer.write(table.slice(start, end - start))
    return path.read_bytes()


def examples(n: int) -> pa.Table:
    """A table with texts and lists of many lengths."""
    rows = [
        {
            **{"example_id": i, "user_id": i // 3, "position": i % 3, "target": 1, "time": i},
            **{"history": list(range(i % 7)), "split": ["train", "test"][i % 5 == 0]},
        }
        for i in range(n)
    ]
    return pa.Table.from_pylist(rows, schema=schemas.EXAMPLES)


@given(st.lists(st.integers(0, 60), max_size=12), st.sampled_from([1, 7, 16, 60]))
@settings(max_examples=30, deadline=None)
def test_the_same_rows_are_the_same_bytes_however_they_are_handed_over(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], group: int
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    of_states = schemas.states_schema(2, 3)
    tables.write(folder / "states", states(60, 2, 3, 1), of_states)
    some = tables.read(folder / "states", of_states)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_GROUP_BYTES", group * 2 * 2 * 3 * 4)
        patch.setattr(tables, "_GROUP_ROWS", group)
        for schema, table in ((of_states, some), (schemas.EXAMPLES, examples(60))):
            assert tables.rows_of_group(schema) == group
            whole = in_pieces(folder / "whole", table, schema, [])
            assert in_pieces(folder / "pieces", table, schema, cuts) == whole
            assert tables.read(folder / "pieces", schema).equals(table)
            found = pq.ParquetFile(folder / "pieces").metadata
            sizes = [found.row_group(i).num_rows for i in range(found.num_row_groups)]
            assert sizes == [group] * (60 // group) + [60 % group] * (60 % group > 0)


def test_row_groups_hold_16_mib_of_floats_or_a_million_rows() -> None:
    assert tables.rows_of_group(schemas.states_schema(10, 128)) == 2**24 // (2 * 10 * 128 * 4)
    assert tables.rows_of_group(schemas.states_schema(10, 128, "float16")) == 2**24 // (20 * 256)
    assert tables.rows_of_group(schemas.states_schema(10, 2**21)) == 1
    assert {tables.rows_of_group(schema) for schema in (schemas.ITEMS, schemas.ANSWERS)} == {2**20}


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 40), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_a_stream_holds_the_rows_that_are_wanted_in_batches_of_one_size(
    tmp_path_factory: pytest.TempPathFactory, rows: int, start: int, more: int, group: int
) -> None:
    path = tmp_path_factory.mktemp("stream") / "s.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_GROUP_BYTES", group * 2 * 2 * 3 * 4)
        tables.write(path, states(40, 2, 3, 0), schemas.states_schema(2, 3))
    wanted = range(start, min(start + more, 40))
    batches = list(tables.read_batches(path, rows, wanted))
    ids = [i for batch in batches for i in batch.column("example_id").to_pylist()]
    assert ids == [i + 1 for i in wanted]
    assert {len(batch) for batch in batches[:-1]} <= {rows}
    whole = tables.read(path, schemas.states_schema(2, 3))
    for batch, first in zip(batches, range(start, 41, rows), strict=False):
        shown = tables.matrix(batch.column("after"), 2)
        assert (shown == tables.matrix(whole["after"], 2)[first : first + len(batch)]).all()


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
