"""Full ranking against a naive loop, HR and NDCG against closed forms, and the two stages."""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sequence_examples import (
    interactions_of,
    training_settings,
    windows_of,
    write_tables,
)
from torch import Tensor

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import write_json, write_tensors
from recinterpreter.data.split import build_examples
from recinterpreter.errors import UserError
from recinterpreter.recommenders import ranking
from recinterpreter.recommenders.models import build
from recinterpreter.recommenders.ranking import Sequences, hit_rate, ndcg, rank_examples, ranks
from recinterpreter.recommenders.sequence import SequenceBatch
from recinterpreter.recommenders.windows import from_rows
from recinterpreter.settings.data import Split
from recinterpreter.settings.recommenders import Baseline
from recinterpreter.stages.rank_baseline import rank_baseline
from recinterpreter.stages.rank_recommender import rank_recommender

CPU = torch.device("cpu")
N_ITEMS = 12
sequences = st.lists(
    st.lists(st.integers(1, N_ITEMS), min_size=2, max_size=9), min_size=1, max_size=5
)


class Table:
    """Scores fixed per example: few distinct values, so that many tie."""

    def __init__(self, scores: np.ndarray) -> None:
        self.values = scores
        self.n_items = N_ITEMS

    def scores(self, batch: SequenceBatch) -> Tensor:
        return torch.from_numpy(self.values[batch.example_ids.numpy()]).clone()


def naive(scores: np.ndarray, earlier: list[int], target: int) -> int:
    candidates = [i for i in range(1, N_ITEMS + 1) if i not in earlier and i != target]
    return 1 + sum(scores[i] >= scores[target] for i in candidates)


@hypothesis_settings(max_examples=40, deadline=None)
@given(users=sequences, seed=st.integers(0, 999), history=st.integers(2, 4))
def test_ranks_are_those_of_a_naive_loop(users: list[list[int]], seed: int, history: int) -> None:
    windows = windows_of(users, history)
    random = np.random.default_rng(seed)
    size = int(windows.example_ids.max()) + 1
    scores = random.integers(0, 5, (size, N_ITEMS + 1)).astype(np.float32)
    scores[:, 0] = -np.inf
    events = interactions_of(users)
    known = Sequences.of(*(events[n].to_numpy() for n in ("user_id", "position", "item_id")))
    wanted = [
        naive(scores[example], users[user - 1][:place], target)
        for example, user, place, target in zip(
            windows.example_ids, windows.user_ids, windows.positions, windows.targets, strict=True
        )
    ]
    assert ranks(Table(scores), windows, known, CPU).tolist() == wanted


def test_a_batch_of_one_ranks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = windows_of([[1, 2, 3, 4, 5], [6, 7, 8]], 3)
    scorer = Table(np.random.default_rng(0).random((99, N_ITEMS + 1), np.float32))
    known = Sequences.of_examples(windows)
    whole = ranks(scorer, windows, known, CPU)
    monkeypatch.setattr(ranking, "_ROWS_AT_A_TIME", 1)
    assert ranks(scorer, windows, known, CPU).tolist() == whole.tolist()


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    numbers=st.lists(st.integers(1, 50), max_size=40),
    most=st.integers(1, 120),
    rows=st.integers(1, 9),
)
def test_batches_keep_their_bounds(numbers: list[int], most: int, rows: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_ROWS_AT_A_TIME", rows)
        batches = [b.tolist() for b in ranking._cut(np.array(numbers, np.int32), most)]
    assert [row for batch in batches for row in batch] == list(range(len(numbers)))
    for batch, following in pairwise([*batches, []]):
        sizes = [numbers[row] for row in batch]
        assert len(batch) == 1 or (len(batch) <= rows and sum(sizes) <= most)
        # nor is one cut short without need
        if following:
            assert len(batch) == rows or sum(sizes) + numbers[following[0]] > most


def test_a_score_that_is_no_number_stands_before_the_target() -> None:
    windows = windows_of([[1, 2, 3]], 2)
    scores = np.tile(-np.arange(N_ITEMS + 1, dtype=np.float32), (99, 1))
    scores[:, 0] = -np.inf
    known = Sequences.of_examples(windows)
    assert ranks(Table(scores), windows, known, CPU).tolist() == [1, 1]
    scores[:, 7] = np.nan
    assert ranks(Table(scores), windows, known, CPU).tolist() == [2, 2]


def test_equal_scores_rank_last() -> None:
    windows = windows_of([[1, 2, 3]], 2)
    constant = np.zeros((99, N_ITEMS + 1), np.float32)
    constant[:, 0] = -np.inf
    known = Sequences.of_examples(windows)
    # 12 items less the one and the two already seen
    assert ranks(Table(constant), windows, known, CPU).tolist() == [11, 10]


def test_scores_that_are_no_numbers_are_refused() -> None:
    windows = windows_of([[1, 2, 3]], 2)
    broken = np.full((99, N_ITEMS + 1), np.nan, np.float32)
    with pytest.raises(UserError, match="not a finite number"):
        ranks(Table(broken), windows, Sequences.of_examples(windows), CPU)


@hypothesis_settings(max_examples=30, deadline=None)
@given(users=sequences, history=st.integers(2, 4), seed=st.integers(0, 99))
def test_examples_hold_the_sequences_they_came_from(
    users: list[list[int]], history: int, seed: int
) -> None:
    windows = windows_of(users, history)
    shuffled = windows.take(np.random.default_rng(seed).permutation(len(windows)))
    found = Sequences.of_examples(shuffled)
    parts = [
        found.items[found.starts[u] : found.starts[u + 1]].tolist()
        for u in range(1, len(users) + 1)
    ]
    assert parts == users


def test_under_leave_one_out_validation_knows_all_but_the_test_event() -> None:
    users = [[1, 2, 3, 4, 5, 6], [7, 8, 9], [2, 4], [5, 6, 7, 8]]
    split = Split(unit="leave-one-out", train=0.8, validation=0.1, history=2)
    examples = build_examples(interactions_of(users), split)
    trained = pc.is_in(examples["split"], value_set=pa.array(["train", "validation"]))
    found = Sequences.of_examples(from_rows(examples.filter(trained), 2))
    parts = [found.items[s:e].tolist() for s, e in pairwise(found.starts)][1:]
    assert parts == [users[0][:-1], users[1][:-1], users[2], users[3][:-1]]

    scorer = Table(np.zeros((99, N_ITEMS + 1)))
    rows = rank_examples(scorer, interactions_of(users), examples, 2, CPU)
    assert rows["user_id"].tolist() == [1, 2, 4] * 2
    assert rows["split"].to_pylist() == ["validation"] * 3 + ["test"] * 3
    assert rows["last"].tolist() == [False] * 3 + [True] * 3


def test_a_gap_in_a_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="user 1 has an event at position 2 where 1 was wanted"):
        Sequences.of(np.array([1, 1]), np.array([0, 2]), np.array([5, 6]))


def test_hit_rate_and_ndcg_are_their_closed_forms() -> None:
    found = np.array([1, 3, 10, 11])
    assert hit_rate(found, 10) == 0.75
    assert ndcg(found, 10) == pytest.approx((1 + 1 / 2 + 1 / math.log2(11)) / 4)
    assert ndcg(np.arange(1, 101), 100) == pytest.approx(
        sum(1 / math.log2(1 + r) for r in range(1, 101)) / 100
    )
    assert ndcg(np.array([11]), 10) == 0


def facts_of(folder: Path) -> dict[str, list[object]]:
    return tables.read(folder / "ranking.parquet", schemas.RANKING).to_pydict()


def test_both_stages_rank_validation_and_test(tmp_path: Path) -> None:
    users = [[1 + (u + k * k) % N_ITEMS for k in range(5)] for u in range(20)]
    write_tables(tmp_path, users, history=3, n_items=N_ITEMS)
    settings = training_settings("gru4rec", seed=7)
    facts = {"settings": json.loads(settings.as_json()), "n_items": N_ITEMS, "history": 3}
    write_json(tmp_path / "config.json", facts)
    write_tensors(tmp_path / "w.safetensors", build(settings, N_ITEMS, 3, CPU).state_dict())
    given = {
        "interactions": tmp_path / "interactions.parquet",
        "examples": tmp_path / "examples.parquet",
        "ranking": tmp_path / "ranking.parquet",
    }
    rank_recommender(config=tmp_path / "config.json", weights=tmp_path / "w.safetensors", **given)
    assert tables.metadata(given["ranking"]) == {"recommender": "gru4rec", "seed": 7}
    first = facts_of(tmp_path)
    rank_baseline(settings=Baseline(baseline="popularity"), **given)
    assert tables.metadata(given["ranking"]) == {"recommender": "popularity", "seed": None}
    second = facts_of(tmp_path)
    examples = tables.read(given["examples"], schemas.EXAMPLES).to_pydict()
    wanted = [s for s in examples["split"] if s != "train"]
    for rows in (first, second):
        assert rows["split"] == wanted
        assert rows["example_id"] == examples["example_id"][-len(wanted) :]
        assert rows["last"] == [p == 4 for p in examples["position"][-len(wanted) :]]
        assert all(1 <= rank <= N_ITEMS for rank in rows["rank"])
