"""Parts of tables become tables again: the rows in order, and the bytes of one job."""

from pathlib import Path

import pytest

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.stages.gather_tables import gather_tables

ABOUT = {"recommender": "sasrec", "seed": 0}


def answers(path: Path, ids: range, about: dict = ABOUT) -> Path:
    rows = [
        {"example_id": i, "template": "t", "text": f"film {i}", "n_new_tokens": i, "finished": True}
        for i in ids
    ]
    tables.write_rows(path, rows, schemas.ANSWERS, about)
    return path


def test_several_tables_are_joined_each_of_its_own_parts(tmp_path: Path) -> None:
    """An empty part adds nothing."""
    cuts = [range(1, 40), range(40, 40), range(40, 90)]
    of_one = [answers(tmp_path / f"one-{i}", ids) for i, ids in enumerate(cuts)]
    of_two = [answers(tmp_path / f"two-{i}", range(i, i + 1)) for i in range(3)]
    gathered = [tmp_path / "one", tmp_path / "two"]
    gather_tables(parts=[*of_one, *of_two], gathered=gathered)
    whole = [answers(tmp_path / "1", range(1, 90)), answers(tmp_path / "2", range(3))]
    assert [path.read_bytes() for path in gathered] == [path.read_bytes() for path in whole]
    assert tables.metadata(tmp_path / "one") == ABOUT


def test_parts_that_are_all_empty_make_an_empty_table(tmp_path: Path) -> None:
    parts = [answers(tmp_path / str(i), range(0)) for i in range(3)]
    gather_tables(parts=parts, gathered=[tmp_path / "t"])
    found = tables.read(tmp_path / "t", schemas.ANSWERS)
    assert (found.num_rows, found.schema.names) == (0, schemas.ANSWERS.names)
    assert list(tables.read_batches(tmp_path / "t")) == []


def test_parts_of_different_tables_are_refused(tmp_path: Path) -> None:
    one = answers(tmp_path / "one", range(3))
    other = answers(tmp_path / "other", range(3), {**ABOUT, "seed": 1})
    titles = tmp_path / "titles"
    tables.write_rows(titles, [], schemas.TITLES, ABOUT)
    for foreign in (other, titles):
        with pytest.raises(UserError, match="are no parts of one table; delete"):
            gather_tables(parts=[one, foreign], gathered=[tmp_path / "t"])
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("n_parts", [0, 3])
def test_every_table_wants_as_many_parts(n_parts: int, tmp_path: Path) -> None:
    parts = [answers(tmp_path / str(i), range(1)) for i in range(n_parts)]
    with pytest.raises(UserError, match=f"got {n_parts} files for 2 tables"):
        gather_tables(parts=parts, gathered=[tmp_path / "t", tmp_path / "u"])
