"""Decoded histories that the recommender has read, where recovery was asked for."""

import pytest
from conftest import frame

from recinterpreter import schemas, tables


@pytest.fixture(scope="module")
def measured(artefacts):
    """Tables of consistency; a run without recovery has none."""
    found = [path for path in artefacts.all() if path.match("consistency/*/seed*.parquet")]
    if not found:
        pytest.skip("no history was decoded")
    return found


def test_every_recovery_answer_was_read_as_a_history(measured, artefacts):
    for path in measured:
        rows, noted = frame(path, schemas.CONSISTENCY), tables.metadata(path)
        assert path.parts[-2:] == (noted["recommender"], f"seed{noted['seed']}.parquet")
        for (adapter, _), part in rows.group_by("adapter", "source"):
            pattern = f"answers/{noted['recommender']}/recovery/{adapter}/*.recorded.parquet"
            (answers,) = [p for p in artefacts.paths(pattern) if p.name.startswith(path.stem)]
            answered = frame(answers, schemas.ANSWERS)["example_id"]
            assert part["example_id"].sort().equals(answered.sort()), path


def test_likeness_is_in_its_bounds_and_nothing_is_like_nothing(measured):
    for path in measured:
        rows = frame(path, schemas.CONSISTENCY)
        assert rows["cosine"].is_between(-1.0001, 1.0001).all(), path
        assert rows["overlap"].is_between(0, 1).all(), path
        assert not rows.filter("same_first", overlap=0.0).height, path
        nothing = rows.filter(named=0)
        assert nothing["cosine"].eq(0).all(), path
        assert nothing["overlap"].eq(0).all(), path
