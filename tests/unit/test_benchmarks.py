"""Benchmarks: what can be run is listed, and RecBole is given our split and nothing else."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from adapter_examples import settings
from sequence_examples import interactions_of

from recinterpreter.errors import UserError

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SEQUENCES = [[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9], [2, 7, 1, 8], [1, 6, 1]]
N_ITEMS = 12


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the benchmarks where `make bench` finds them."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def rows_of(folder: Path, split: str) -> list[tuple[int, list[int], int]]:
    head, *lines = (folder / "ours" / f"ours.{split}.inter").read_text().splitlines()
    assert head == "user_id:token\titem_id_list:token_seq\titem_id:token"
    fields = [line.split("\t") for line in lines]
    return [(int(user), [int(i) for i in items.split()], int(item)) for user, items, item in fields]


def test_recbole_gets_our_histories_and_targets(tmp_path: Path) -> None:
    from _movielens import HISTORY, LEAVE_ONE_OUT, split
    from recommenders.export import export

    data = split(interactions_of(SEQUENCES), N_ITEMS, LEAVE_ONE_OUT)
    export(data.examples, N_ITEMS, tmp_path)
    expected = {"train": [], "validation": [], "test": []}
    for user, items in enumerate(SEQUENCES, 1):
        for place in range(1, len(items)):
            part = {len(items) - 1: "test", len(items) - 2: "validation"}.get(place, "train")
            expected[part].append((user, items[max(0, place - HISTORY) : place], items[place]))
    for part, wanted in expected.items():
        assert rows_of(tmp_path, part) == wanted
        windows = data.windows[part]
        ours = [list(items[:n]) for items, n in zip(windows.items, windows.lengths, strict=True)]
        assert ours == [history for _, history, _ in wanted]
        assert list(windows.targets) == [target for _, _, target in wanted]


def test_no_row_of_training_holds_a_later_event(tmp_path: Path) -> None:
    from _movielens import LEAVE_ONE_OUT, split
    from recommenders.export import export

    # every item once: where an item stands says when it was met
    sequences = [list(range(1, 13)), list(range(12, 0, -1)), [5, 6, 7, 8]]
    export(split(interactions_of(sequences), N_ITEMS, LEAVE_ONE_OUT).examples, N_ITEMS, tmp_path)
    for user, items in enumerate(sequences, 1):
        for kept, part in ((len(items) - 2, "train"), (len(items) - 1, "validation")):
            seen = {
                item
                for of, history, target in rows_of(tmp_path, part)
                if of == user
                for item in (*history, target)
            }
            assert seen <= set(items[:kept])


def test_the_whole_catalogue_is_exported(tmp_path: Path) -> None:
    from _movielens import LEAVE_ONE_OUT, split
    from recommenders.export import export

    export(split(interactions_of(SEQUENCES), N_ITEMS, LEAVE_ONE_OUT).examples, N_ITEMS, tmp_path)
    head, *items = (tmp_path / "ours" / "ours.item").read_text().splitlines()
    assert head == "item_id:token"
    assert items == [str(item) for item in range(1, N_ITEMS + 1)]


def test_scores_of_recbole_are_found_by_example() -> None:
    from _movielens import LEAVE_ONE_OUT, split
    from recommenders.peer import Scores
    from recommenders.run import quality_of

    data = split(interactions_of(SEQUENCES), N_ITEMS, LEAVE_ONE_OUT)
    test = data.windows["test"]
    scores = np.zeros((len(test), N_ITEMS + 1), np.float32)
    scores[np.arange(len(test)), test.targets] = 1
    assert quality_of(data, Scores(scores, test.example_ids), "test").hr10 == 1
    assert quality_of(data, Scores(scores, test.example_ids), "test").ndcg10 == 1
    # ties stand before the target: where all scores are equal it comes last
    same = Scores(np.zeros_like(scores), test.example_ids)
    assert quality_of(data, same, "test").ndcg10 < 1
    shuffled = np.array([2, 0, 1])
    found = Scores(scores[shuffled], test.example_ids[shuffled])
    assert quality_of(data, found, "test").hr10 == 1


def test_absent_data_says_what_to_do(tmp_path: Path) -> None:
    from _movielens import LEAVE_ONE_OUT, read

    with pytest.raises(UserError, match=r"no such folder; wanted MovieLens-100K .*MOVIELENS="):
        read(tmp_path / "nowhere", LEAVE_ONE_OUT)


def test_every_benchmark_is_listed_with_its_purpose() -> None:
    listed = subprocess.run([sys.executable, BENCHMARKS], capture_output=True, text=True)
    assert listed.returncode == 2
    for name in ("matcher", "recommenders", "workflow"):
        (line,) = [line for line in listed.stdout.splitlines() if line.split()[0] == name]
        assert len(line.split()) > 3


def test_games_are_read_as_literals_and_awkward_lines_left_out(tmp_path: Path) -> None:
    from matcher import finds_itself, movielens_titles, speeds_of, steam_titles

    from recinterpreter.scoring.matcher import Catalogue

    lines = [
        "{u'app_name': u'Caf\\xe9 [Rec] *', u'title': u'Another'}",
        "{u'title': u'Portal 2'}",
        "{u'id': u'1'}",
        "{u'title': ",
        "__import__('os').system('true')",
    ]
    lines.append("['a list']")
    lines += [f"{{u'title': u'Game {i}'}}" for i in range(30)]
    with gzip.open(tmp_path / "steam_games.json.gz", "wt") as file:
        file.write("\n".join(lines))
    titles = steam_titles(tmp_path)
    assert [titles[1], titles[2], titles[3]] == ["Café [Rec] *", "Portal 2", "Game 0"]
    assert len(titles) == 32
    catalogue = Catalogue(titles)
    assert all(finds_itself(catalogue, item, title) for item, title in titles.items())
    assert not finds_itself(catalogue, 2, "Portal 3")
    assert all(speed > 0 for speed in speeds_of(catalogue, titles))
    for read in (steam_titles, lambda folder: movielens_titles(folder, "raw")):
        with pytest.raises(UserError, match="no such f"):
            read(tmp_path / "nowhere")


def test_the_requirements_are_pinned_and_name_no_address() -> None:
    lines = (BENCHMARKS / "recommenders" / "requirements.txt").read_text().splitlines()
    for line in lines:
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z-]+==[0-9.]+", line)
    assert "recbole==1.2.1" in lines


def test_samples_are_compared_with_the_papers_schedule() -> None:
    from _accuracy import ALIKE, EPOCH, EPOCHS, EVERY, OURS, RISING, paper

    from recinterpreter.interpretation.training import learning_rate

    # by samples, for a look at the validation split ends an epoch of the engine's
    schedule = settings(**{**ALIKE, **paper(1.0)})
    assert EPOCH % EVERY == 0
    assert schedule.epochs * EVERY == EPOCHS * EPOCH
    assert learning_rate(schedule, 0) == pytest.approx(1e-4)
    assert learning_rate(schedule, RISING * EPOCH // EVERY) == pytest.approx(5e-4)
    assert learning_rate(schedule, schedule.epochs) == pytest.approx(5e-4)
    assert (schedule.standardise, schedule.closed_form_start) == ("none", False)
    assert settings(**{**ALIKE, **OURS}).epochs == schedule.epochs


def test_steam_is_read_faster_than_by_the_standard_library(tmp_path: Path) -> None:
    from parsers.steam import measure

    figures = {name: value for name, value, _ in measure(tmp_path, 2_000)}
    assert figures["steam_ratio"] > 1
    assert figures["2,000 lines, reviews kept"] < figures["10,000 lines, reviews kept"]
    assert 0 < figures["steam_peak_mb"] < 1000
