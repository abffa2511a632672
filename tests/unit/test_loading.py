"""Loading a frozen LLM: what is there is read as it is, what is not is named."""

import json
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from language_models import LOADING, RUNNING, TITLES, frozen, random_soft, told
from safetensors.torch import load_file, save_file
from test_families import TOKENIZER, model_of

from recinterpreter.errors import UserError
from recinterpreter.language_model.decoding import greedy
from recinterpreter.language_model.loading import load
from recinterpreter.language_model.prompts import templates

TEMPLATE = templates("residual", "movies")[0]
PICKLES = RUNNING.model_copy(update={"allow_pickle": True})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole model in a folder, random."""
    model_of("Llama").save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    return tmp_path


def as_pickle(folder: Path) -> None:
    """Put the weights of a folder into a pickle."""
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()


def test_a_model_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    llm = frozen()
    llm.model.save_pretrained(tmp_path)
    llm.tokenizer.save_pretrained(tmp_path)
    again = load(str(tmp_path), LOADING, RUNNING)
    soft = random_soft(llm, 2)
    assert greedy(again, TEMPLATE, soft, 2, 8) == greedy(llm, TEMPLATE, soft, 2, 8)
    assert not any(p.requires_grad for p in again.model.parameters())
    assert [again.spell(t) for t in TITLES] == TITLES


@pytest.mark.parametrize("name", ["stories260K_hf", "TinyStories-656K"])
def test_real_pretrained_llamas_load_and_answer(shared_data: Path, name: str) -> None:
    llm = load(str(shared_data / "models" / name), LOADING, RUNNING)
    loss, _ = told(llm)
    assert torch.isfinite(loss)
    assert len(greedy(llm, TEMPLATE, random_soft(llm, 3), 3, 5)) == 3


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_weights_have_the_precision_asked_for(folder: Path, precision: str) -> None:
    llm = load(str(folder), LOADING.model_copy(update={"precision": precision}), RUNNING)
    assert {p.dtype for p in llm.model.parameters()} == {getattr(torch, precision)}


def test_without_a_gpu_auto_is_exact(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    llm = load(str(folder), LOADING, RUNNING)
    assert {p.dtype for p in llm.model.parameters()} == {torch.float32}


# --- what is no whole model ---------------------------------------------------------------------


def cut_short(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def lose_a_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def lose_the_head(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name.removeprefix("model."): w for name, w in weights.items() if "lm_head" not in name},
        folder / "model.safetensors",
        {"format": "pt"},
    )


def lose_the_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


def shrink_the_table(folder: Path) -> None:
    model_of("Llama", vocab_size=len(TOKENIZER) - 5).save_pretrained(folder)


def shorten_the_table_alone(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"][:-5]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def save_other_weights(kind: str, **own: Any) -> Callable[[Path], None]:
    def save(folder: Path) -> None:
        config = getattr(transformers, f"{kind}Config")(**own)
        config.save_pretrained(folder)
        getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)

    return save


def need_foreign_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    code = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "x", "auto_map": code}))
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n")


T5 = {"vocab_size": 300, "d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (cut_short, "weights are cut short or broken"),
        (lose_a_weight, r"lack the weights model\.layers\.1\.mlp\.up_proj\.weight, which"),
        (lose_the_head, r"lack the weights lm_head\.weight, which"),
        (lose_the_tokenizer, r"it has no tokenizer; wanted tokenizer\.json"),
        (shrink_the_table, "embedding table only 295 rows"),
        (shorten_the_table_alone, r"other sizes than its config\.json says"),
        (save_other_weights("T5", **T5), "it is no causal LLM"),
        (need_foreign_code, "it comes with code of its own, which is never run"),
    ],
)
def test_what_is_no_whole_model_is_named(
    folder: Path, spoil: Callable[[Path], None], named: str
) -> None:
    spoil(folder)
    with pytest.raises(UserError, match=rf"llm\.source .*{named}"):
        load(str(folder), LOADING, RUNNING)
    assert not (folder / "ran").exists()


def test_an_empty_folder_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"llm\.source .* it cannot be loaded; wanted a folder"):
        load(str(tmp_path), LOADING, RUNNING)


def test_a_model_that_looks_ahead_is_refused(tmp_path: Path) -> None:
    # transformers itself takes a BERT for a causal LLM
    model_of("Bert").save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="BertLMHeadModel looks ahead"):
        load(str(tmp_path), LOADING, RUNNING)


def test_a_tokenizer_without_an_end_is_warned_of(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("recinterpreter"), "propagate", True)
    load(str(folder), LOADING, RUNNING)
    assert "no end token" not in caplog.text
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["eos_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    llm = load(str(folder), LOADING, RUNNING)
    assert "no end token: its answers never end by themselves" in caplog.text
    assert not greedy(llm, TEMPLATE, random_soft(llm, 1), 1, 4)[0].finished


def test_weights_that_are_not_used_are_told(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("recinterpreter"), "propagate", True)
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] = 1
    config.pop("layer_types", None)
    (folder / "config.json").write_text(json.dumps(config))
    load(str(folder), LOADING, RUNNING)
    assert "9 weights of its files have no place in the model" in caplog.text


# --- pickles ------------------------------------------------------------------------------------


def test_a_pickle_is_read_only_where_it_is_admitted(folder: Path) -> None:
    wanted = told(load(str(folder), LOADING, PICKLES))
    as_pickle(folder)
    with pytest.raises(UserError, match=r"no weights in safetensors; .* llm\.allow_pickle: true"):
        load(str(folder), LOADING, RUNNING)
    found = told(load(str(folder), LOADING, PICKLES))
    assert torch.equal(found[0], wanted[0])
    assert torch.equal(found[1], wanted[1])


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("old_format", [True, False])
def test_code_in_an_admitted_pickle_is_not_run(folder: Path, old_format: bool) -> None:
    as_pickle(folder)
    file, mark = folder / "pytorch_model.bin", folder / "ran"
    if old_format:
        file.write_bytes(pickle.dumps(Evil(mark), protocol=2))
    else:
        torch.save({"evil": Evil(mark)}, file)
    with pytest.raises(UserError, match=r"llm\.source"):
        load(str(folder), LOADING, PICKLES)
    assert not mark.exists()
