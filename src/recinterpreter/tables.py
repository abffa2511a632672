"""One schema per table; the only module that reads or writes Parquet.

Ids run from 1 to n; 0 is padding and stands in no table but inside padded states.
Shapes: L positions of a history, D width of a state at one position.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recinterpreter.errors import UserError


def _schema(**columns: pa.DataType | tuple[pa.DataType, bool]) -> pa.Schema:
    """Build a schema; a bare type is not nullable, (type, True) is."""
    return pa.schema(
        pa.field(name, *kind) if isinstance(kind, tuple) else pa.field(name, kind, nullable=False)
        for name, kind in columns.items()
    )


ID = pa.int32()
IDS = pa.list_(pa.field("element", ID, nullable=False))
TEXT = pa.string()
TEXTS = pa.list_(pa.field("element", TEXT, nullable=False))
OPTIONAL_TEXT = (TEXT, True)
REAL = pa.float64()
OPTIONAL_REAL = (REAL, True)

USERS = _schema(user_id=ID, source_id=TEXT)
ITEMS = _schema(item_id=ID, source_id=TEXT, raw_title=TEXT, title=TEXT)
# time: seconds since 1970; position: 0-based rank of the event in its user's sequence
INTERACTIONS = _schema(user_id=ID, item_id=ID, time=pa.int64(), position=ID)
# history: oldest first, 1 to L items, not padded; position: that of the target;
# split: train | validation | test
EXAMPLES = _schema(
    example_id=pa.int64(),
    user_id=ID,
    position=ID,
    history=IDS,
    target=ID,
    time=pa.int64(),
    split=TEXT,
)
AUDIT = _schema(check=TEXT, value=REAL, unit=TEXT, note=TEXT)
PREFERENCES = _schema(user_id=ID, item_id=ID, preference=pa.float32())
# The items that may follow an item in the generated data set, and how likely each is if one does
SUCCESSORS = _schema(item_id=ID, successor=ID, probability=REAL)
STEPS = _schema(step=pa.int64(), epoch=ID, metric=TEXT, value=REAL, seconds=REAL)
# A row per recipe that was tried, the best first, with the figures of its best epoch; after trial a
# column for each key in which the recipes differ (see trials_schema); seconds: of all its epochs
TRIALS = _schema(
    **{"trial": TEXT, "validation ndcg@10": REAL, "validation hr@10": REAL},
    **{"validation hr@20": REAL, "best_epoch": ID, "epochs": ID, "seconds": REAL},
    chosen=pa.bool_(),
)
# rank: 1-based rank of the target among the candidates, ties resolved pessimistically
RANKING = _schema(example_id=pa.int64(), user_id=ID, split=TEXT, last=pa.bool_(), rank=ID)
# items: at most ten its user has not met, the best first
RECOMMENDED = _schema(example_id=pa.int64(), user_id=ID, items=IDS)
# A row per evaluated example, of what DreamRec dreams up for it; item_id: the item nearest to that
# by cosine, whether its user has met it or not; last: of its user; rank: as in RANKING, of the
# target by cosine to it; after them the vector itself (see oracle_schema)
ORACLE_ITEMS = _schema(
    example_id=pa.int64(),
    user_id=ID,
    last=pa.bool_(),
    item_id=ID,
    cosine=pa.float32(),
    seen=pa.bool_(),
    rank=ID,
)
# A row per example and edit (drop | swap | replace | append); positions: places touched, 0-based,
# in the history as it was, of an item appended in the edited one; taken, put: the items that are
# out and in, null where there is none; history: the edited one, as in EXAMPLES
EDITS = _schema(
    example_id=pa.int64(),
    user_id=ID,
    edit=TEXT,
    positions=IDS,
    taken=(ID, True),
    put=(ID, True),
    history=IDS,
)
TITLES = _schema(item_id=ID, title=TEXT, spelled=TEXT, n_tokens=ID, spells=pa.bool_())
ANSWERS = _schema(
    example_id=pa.int64(), template=TEXT, text=TEXT, n_new_tokens=ID, finished=pa.bool_()
)
# A cell of the experiment and the source of the states that were answered.
_CELL = {"recommender": TEXT, "seed": ID, "task": TEXT, "adapter": TEXT, "source": TEXT}
# expected: the items to be named; named: for every title of the answer, one item that bears it
# (0: outside the catalogue); spans: where in the text it stands, (start, end) for each of named
# in turn; hits: how many of the expected were named, one to one
VERDICTS = _schema(
    **_CELL,
    example_id=pa.int64(),
    user_id=ID,
    last=pa.bool_(),
    expected=IDS,
    named=IDS,
    spans=IDS,
    hits=ID,
    correct=pa.bool_(),
    text=TEXT,
)
# A row per answer to an edited history; source: edit_drop, ...; follows, stays: how far it does
# what the edit asks for, and how far it would by chance, 0 to 1; null where the edit asks for no
# such thing of it (see scoring.edits)
EDIT_VERDICTS = _schema(
    **_CELL,
    example_id=pa.int64(),
    user_id=ID,
    follows=OPTIONAL_REAL,
    follows_by_chance=OPTIONAL_REAL,
    stays=OPTIONAL_REAL,
    stays_by_chance=OPTIONAL_REAL,
    text=TEXT,
)
# A row per example, adapter and source (recorded | another_user: whose recovery answer was read
# as a history); named: how many items of the catalogue it names; cosine, overlap, same_first: how
# like the real history's the recommender's state, its best items and the very best are
CONSISTENCY = _schema(
    adapter=TEXT,
    source=TEXT,
    example_id=pa.int64(),
    user_id=ID,
    last=pa.bool_(),
    named=ID,
    cosine=REAL,
    overlap=REAL,
    same_first=pa.bool_(),
)
# What decoders without an LLM say of the states it is asked about. probe: which decoder; expected:
# how many items are to be named; hits, correct: as in VERDICTS, null where a task is ranked; rank:
# as in RANKING, of the next item, null where a task is answered by naming
PROBES = _schema(
    probe=TEXT,
    task=TEXT,
    example_id=pa.int64(),
    user_id=ID,
    last=pa.bool_(),
    expected=ID,
    hits=(ID, True),
    correct=(pa.bool_(), True),
    rank=(ID, True),
)
# A row per last example of a test user, seed and adapter: what judges are to choose from.
# titles: in the order of rotation 0; offered_by: for each of them random | sasrec | dreamrec, or
# two of these joined by "+" where both offer it; a source that stands nowhere offers nothing
JUDGE_CASES = _schema(
    case_id=ID,
    seed=ID,
    adapter=TEXT,
    example_id=pa.int64(),
    user_id=ID,
    history=TEXTS,
    titles=TEXTS,
    offered_by=TEXTS,
)
# A row per judge, case and rotation. picked: one of the case's offered_by, or unclear; place: where
# it stood among the titles as they were shown, from 1, 0 if unclear; options: how many those were
JUDGEMENTS = _schema(
    judge=TEXT,
    case_id=ID,
    seed=ID,
    adapter=TEXT,
    user_id=ID,
    offered_by=TEXTS,
    rotation=ID,
    options=ID,
    picked=TEXT,
    place=ID,
    reply=TEXT,
)
# seed: null for a baseline, for a mean over several seeds, and for what is of no run: the titles
# (recommender "catalogue") and the paper's figures (evaluation "paper, ..."); n_seeds: over how
# many the value is a mean, 0 where there is no seed of ours; source: of the states that were
# answered, null where none were
SCORES = _schema(
    recommender=TEXT,
    seed=(ID, True),
    n_seeds=ID,
    task=OPTIONAL_TEXT,
    adapter=OPTIONAL_TEXT,
    source=OPTIONAL_TEXT,
    evaluation=TEXT,
    metric=TEXT,
    value=REAL,
    low=OPTIONAL_REAL,
    high=OPTIONAL_REAL,
    n=pa.int64(),
)

_METADATA_KEY = b"recinterpreter"
_BUFFER = 2**20  # bytes of a file in a stream that are read at a time


def states_schema(positions: int, width: int, precision: str = "float32") -> pa.Schema:
    """Schema of STATES: a row per example, the state before and after the history's last item.

    before, after: (L * D) floats, row-major; null where a source shows no state at all.
    before_mask, after_mask: (L) booleans, true where a position holds an item.
    """
    floats = pa.list_(
        pa.field("element", pa.type_for_alias(precision), nullable=False), positions * width
    )
    marks = pa.list_(pa.field("element", pa.bool_(), nullable=False), positions)
    return _schema(
        example_id=pa.int64(),
        before=(floats, True),
        after=(floats, True),
        before_mask=marks,
        after_mask=marks,
    )


def oracle_schema(width: int) -> pa.Schema:
    """Schema of ORACLE_ITEMS with their vectors, (D) floats of length sqrt(D), as items have."""
    floats = pa.list_(pa.field("element", pa.float32(), nullable=False), width)
    return pa.schema([*ORACLE_ITEMS, *_schema(vector=floats)])


def trials_schema(tried: Mapping[str, int | float | str | list[int]]) -> pa.Schema:
    """Schema of TRIALS with a column for each key that was tried, of the type of its value."""
    kinds = {int: pa.int64(), float: REAL, str: TEXT, list: IDS}
    keys = {key: kinds[type(value)] for key, value in tried.items()}
    first, *figures = TRIALS
    return pa.schema([first, *_schema(**keys), *figures])


class Writer:
    """Write one table in a stream of row groups; the file appears under its name when complete.

    Use as a context manager. `metadata` is any JSON value map, readable by `metadata(path)`.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, metadata: Mapping[str, Any] | None = None
    ) -> None:
        self.path = path
        self.schema = schema.with_metadata(
            {_METADATA_KEY: json.dumps(dict(metadata or {}), sort_keys=True)}
        )
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.part")

    def __enter__(self) -> Writer:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Stream splitting puts the like bytes of floats together: zstd then finds what repeats.
        floats = [
            f"{field.name}.list.element"
            for field in self.schema
            if pa.types.is_fixed_size_list(field.type)
            and pa.types.is_floating(field.type.value_type)
        ]
        self._file = pq.ParquetWriter(
            self._partial,
            self.schema,
            compression="zstd",
            use_dictionary=[f.name for f in self.schema if pa.types.is_string(f.type)] or False,
            use_byte_stream_split=floats or False,
            write_statistics=True,
        )
        return self

    def write(self, rows: pa.Table | Mapping[str, Any]) -> None:
        """Append a row group: a table, or columns by name that fit the schema."""
        if not isinstance(rows, pa.Table):
            rows = pa.table(
                {f.name: _column(rows[f.name], f.type) for f in self.schema}, schema=self.schema
            )
        self._file.write_table(rows.select(self.schema.names).cast(self.schema))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                with open(self._partial, "rb") as written:
                    os.fsync(written.fileno())
                os.replace(self._partial, self.path)
        finally:
            self._partial.unlink(missing_ok=True)


def _column(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Turn NumPy arrays (2-D for fixed-size lists), Arrow arrays or lists into a column."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, np.ndarray) and values.ndim == 2:
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1]).cast(kind)
    return pa.array(values, kind)


def write(
    path: Path,
    rows: pa.Table | Mapping[str, Any],
    schema: pa.Schema,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a whole table at once, atomically."""
    with Writer(path, schema, metadata) as writer:
        writer.write(rows)


def write_rows(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    schema: pa.Schema,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a table given row by row (for the small ones)."""
    write(path, pa.Table.from_pylist(list(rows), schema=schema), schema, metadata)


def _open(path: Path, mapped: bool = True) -> pq.ParquetFile:
    if not path.is_file():
        raise UserError(f"{path}: no such table; ask Snakemake for it: snakemake {path}")
    try:
        if mapped:
            return pq.ParquetFile(path, memory_map=True)
        return pq.ParquetFile(path, memory_map=False, buffer_size=_BUFFER, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: not a readable Parquet file ({error}); delete it and run again"
        ) from error


def read(path: Path, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table and check it against its schema.

    Raises UserError when the file is missing, unreadable, or a column is absent or of another type.
    """
    file = _open(path)
    _check(path, file.schema_arrow, schema)
    return file.read(columns=list(columns) if columns else None)


def read_batches(path: Path, rows: int = 4096) -> Iterator[pa.RecordBatch]:
    """Read a table in a stream of at most `rows` rows, in the file's order.

    Memory is that of a row group however long the table is: nothing is read ahead, and the file is
    not mapped, since what has been read of a mapped file counts as memory.
    """
    file = _open(path, mapped=False)
    for group in range(file.num_row_groups):
        yield from file.iter_batches(batch_size=rows, row_groups=[group])


def metadata(path: Path) -> dict[str, Any]:
    """Return what the writer noted about the table."""
    noted = (_open(path).schema_arrow.metadata or {}).get(_METADATA_KEY, b"{}")
    return dict(json.loads(noted))


def _check(path: Path, found: pa.Schema, wanted: pa.Schema) -> None:
    for field in wanted:
        index = found.get_field_index(field.name)
        if index < 0:
            raise UserError(
                f"{path}: column {field.name!r} is missing; found {', '.join(found.names)}"
            )
        kind = found.field(index).type
        if kind != field.type:
            raise UserError(f"{path}: column {field.name!r} is {kind}, wanted {field.type}")


def matrix(column: pa.ChunkedArray | pa.Array, positions: int) -> np.ndarray:
    """View a fixed-size-list column without nulls as an array (rows, positions, width)."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # an empty column has no chunk to combine into
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    size = column.type.list_size
    values: np.ndarray = column.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(column), positions, size // positions)
