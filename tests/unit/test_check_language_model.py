"""What the LLM is, and which titles it cannot spell, is told with counts."""

import logging
from pathlib import Path

import pytest
from language_models import LOADING, RUNNING, TITLES

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import read_json
from recinterpreter.stages.check_language_model import check_language_model


def _items(path: Path, titles: list[str]) -> Path:
    rows = [
        {"item_id": i + 1, "source_id": str(i), "raw_title": t, "title": t}
        for i, t in enumerate(titles)
    ]
    tables.write_rows(path, rows, schemas.ITEMS)
    return path


@pytest.mark.parametrize(
    ("name", "hidden_size", "unspelled"),
    # stories260K falls back to bytes; TinyStories has no brackets, ampersands, accents
    [("stories260K_hf", 64, set()), ("TinyStories-656K", 128, {"[Rec]²", "千と千尋の神隠し"})],
)
def test_titles_that_a_real_tokenizer_cannot_spell(
    shared_data: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    hidden_size: int,
    unspelled: set[str],
) -> None:
    monkeypatch.setattr(logging.getLogger("recinterpreter"), "propagate", True)
    titles, facts = tmp_path / "titles.parquet", tmp_path / "llm.json"
    check_language_model(
        settings=LOADING,
        items=_items(tmp_path / "items.parquet", TITLES),
        llm=str(shared_data / "models" / name),
        running=RUNNING,
        titles=titles,
        facts=facts,
    )
    rows = tables.read(titles, schemas.TITLES).to_pylist()
    assert [row["title"] for row in rows] == TITLES
    failed = {row["title"] for row in rows if not row["spells"]}
    assert failed >= unspelled
    assert {"Alien", "Star Wars", "Heat"}.isdisjoint(failed)
    assert all(row["spells"] == (row["spelled"] == row["title"]) for row in rows)
    noted = read_json(facts)
    assert (noted["hidden_size"], noted["unspelled"]) == (hidden_size, len(failed))
    assert ("cannot spell" in caplog.text) == bool(failed)
