"""One schema per table, and what its columns mean.

Ids run from 1 to n; 0 is padding and stands in no table but inside padded states.
Shapes: L positions of a history, D width of a state at one position.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa


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
# Bins of what the page draws of a data set; what: sequence_lengths (low, high: the fewest and most
# interactions; count: users) | popularity (ranks of items, the most popular is 1; count:
# interactions); share: of all that is counted, in this bin and those before it
DISTRIBUTIONS = _schema(what=TEXT, low=pa.int64(), high=pa.int64(), count=pa.int64(), share=REAL)
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
