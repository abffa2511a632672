"""The embedded LLM: spells all, learns to read its slot from titles alone, resumes exactly."""

import ast
import inspect
from pathlib import Path
from typing import get_type_hints

import pytest
import torch
from language_models import LOADING, RUNNING, TITLES, frozen, settings, untaught

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import Progress
from recinterpreter.command import InputPath
from recinterpreter.language_model.causal import LanguageModel
from recinterpreter.language_model.codes import Codes
from recinterpreter.language_model.decoding import greedy
from recinterpreter.language_model.embedded import make_tokenizer
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import phrases, templates
from recinterpreter.language_model.teaching import (
    Lesson,
    preference_slots,
    recovery_slots,
    residual_slots,
    teach,
)
from recinterpreter.settings.language_model import Teaching
from recinterpreter.stages import teach_language_model as stage


def _taught(model: LanguageModel, progress: Progress, **changes: int | float) -> list[Lesson]:
    return list(teach(model, TITLES, "movies", settings(**changes), progress))


def test_the_tokenizer_spells_every_title_and_whole_phrases() -> None:
    tokenizer = make_tokenizer(TITLES, phrases("movies"), 400)
    for text in [*TITLES, "never seen: ¿naïve? 中文 \u200b"]:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids) == text
    for phrase in phrases("movies"):
        assert len(tokenizer.encode(phrase, add_special_tokens=False)) == 1
    assert len(tokenizer) <= 400


def test_a_code_is_the_mean_of_its_tokens_at_unit_scale() -> None:
    model = frozen()
    codes = Codes(model, TITLES).of(torch.tensor([2, 0]))
    rows = model.embeddings(torch.tensor(model.tokens(TITLES[2]))).mean(0)
    torch.testing.assert_close(codes[0], rows / rows.square().mean().sqrt())
    torch.testing.assert_close(codes.square().mean(-1), torch.ones(2))


def test_slots_of_a_residual_question_differ_by_the_named_title() -> None:
    codes = Codes(frozen(), TITLES)
    draw = torch.Generator().manual_seed(0)
    slots, named = residual_slots(codes, 64, draw)
    assert slots.shape == (64, 2, 32)
    assert named.shape == (64, 1)
    rest = slots[:, 1] - codes.of(named[:, 0])  # what List2 keeps of List1
    share = (rest * slots[:, 0]).sum(-1) / slots[:, 0].square().sum(-1)
    assert ((share >= 0.499) & (share <= 1.001)).all()
    torch.testing.assert_close(rest, share[:, None] * slots[:, 0], atol=1e-4, rtol=1e-4)


def test_the_heavier_a_title_of_a_mixture_is_the_oftener_it_is_named() -> None:
    codes = Codes(frozen(), TITLES)
    slots, named = preference_slots(codes, 4000, torch.Generator().manual_seed(0))
    assert slots.shape == (4000, 1, 32)
    assert named.shape == (4000, 1)
    every = codes.of(torch.arange(len(codes)))
    nearest = torch.cosine_similarity(slots, every[None], dim=-1).argmax(-1)
    right = float((nearest == named[:, 0]).float().mean())
    assert 1.5 / len(codes) < right < 0.9


def test_a_recovery_list_of_one_title_is_its_code() -> None:
    codes = Codes(frozen(), TITLES)
    for seed in range(40):
        slots, named = recovery_slots(codes, 4, torch.Generator().manual_seed(seed))
        if named.shape[1] == 1:
            torch.testing.assert_close(slots[:, 0], codes.of(named[:, 0]))
            return
    pytest.fail("no list of one title was ever drawn")


def test_it_learns_to_read_the_slot_and_not_to_guess() -> None:
    llm = untaught()
    lessons = _taught(llm, Progress(None), steps=240, batch_size=32, noise=0.2, learning_rate=5e-3)
    late = [x.accuracy for x in lessons[-60:] if x.task == "residual"]
    assert sum(late) / len(late) > 0.6  # guessing gives 1/12
    early = [x.loss for x in lessons[:10]]
    assert sum(x.loss for x in lessons[-10:]) < 0.5 * sum(early)
    # with nothing in the slots the answer is one and the same, so right at most once in twelve
    llm.model.eval()
    template = templates("residual", "movies")[0]
    frozen = FrozenLanguageModel(llm.model, llm.tokenizer)
    assert len({a.text for a in greedy(frozen, template, None, 4, 20)}) == 1


def test_resumed_teaching_equals_uninterrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recinterpreter.language_model.teaching.SAVED_EVERY", 2)
    whole = untaught()
    _taught(whole, Progress(None))
    killed = untaught()
    lessons = teach(killed, TITLES, "movies", settings(), Progress(tmp_path))
    for _ in range(5):
        next(lessons)
    resumed = untaught(seed=9)  # other weights: all must come from the progress
    assert [x.step for x in _taught(resumed, Progress(tmp_path))] == [5, 6]
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


def test_no_interaction_is_among_its_inputs() -> None:
    hints = get_type_hints(stage.teach_language_model, include_extras=True)
    assert [name for name, kind in hints.items() if kind == InputPath] == ["items"]
    # and what it reads of them is the titles alone
    reads = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(inspect.getsource(stage)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "tables.read"
    ]
    assert reads == ["tables.read(items, schemas.ITEMS, ['title'])"]


def test_the_rule_has_the_catalogue_as_its_only_input() -> None:
    rules = (Path(__file__).parents[2] / "rules" / "language_model.smk").read_text()
    block = rules.split("rule teach_language_model:")[1].split("output:")[0]
    assert block.count(".parquet") == 1
    assert "items.parquet" in block


def test_the_stage_makes_a_model_that_loads(tmp_path: Path) -> None:
    items = tmp_path / "items.parquet"
    rows = [
        {"item_id": i + 1, "source_id": str(i), "raw_title": t, "title": t}
        for i, t in enumerate(TITLES)
    ]
    tables.write_rows(items, rows, schemas.ITEMS)
    names = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        stage.teach_language_model(
            settings=Teaching(domain="movies", embedded=settings()),
            items=items,
            model_config=tmp_path / folder / names[0],
            weights=tmp_path / folder / names[1],
            tokenizer=tmp_path / folder / names[2],
            tokenizer_config=tmp_path / folder / names[3],
            steps=tmp_path / folder / "steps.parquet",
            progress=Progress(None),
        )
        assert sorted(p.name for p in (tmp_path / folder).iterdir()) == sorted(
            [*names, "steps.parquet"]
        )
    for name in names:  # same inputs, same bytes
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    model = load(str(tmp_path / "one"), LOADING, RUNNING)
    assert [model.spell(title) for title in TITLES] == TITLES
