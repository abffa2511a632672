"""Files of the user's own: listed for Snakemake, and missed before any job."""

import json
import os
from pathlib import Path

import pytest
import yaml

from recinterpreter.errors import UserError
from recinterpreter.experiment import Settings
from recinterpreter.origins import ORIGINS
from recinterpreter.workflow.inputs import (
    contents_of,
    insist_on_files,
    language_model_files,
    language_model_identity,
    local_folder,
)

ROOT = Path(__file__).parents[2]


def settings(sources: list[str], llm: str = "embedded", **paths: str) -> Settings:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["data"]["sources"] = sources
    config["data"]["ml-100k"]["path"] = paths.get("movielens")
    config["data"]["steam"]["path"] = paths.get("steam")
    config["data"]["events"] |= {key: paths.get(key) for key in ("events", "items")}
    config["llm"]["source"] = llm
    return Settings.model_validate_json(json.dumps(config))


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@pytest.mark.parametrize("inner", ["", "ml-100k"])
def test_both_files_of_a_movielens_folder_are_inputs(tmp_path: Path, inner: str) -> None:
    files = [tmp_path / inner / name for name in ("u.data", "u.item")]
    touch(*files)
    assert ORIGINS["ml-100k"].parts(str(tmp_path)) == [str(file) for file in files]


def test_a_movielens_zip_is_one_input() -> None:
    assert ORIGINS["ml-100k"].parts("some/ml-100k.zip") == ["some/ml-100k.zip"]


def test_contents_are_those_of_all_files_or_of_none(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("u.data", "u.item")]
    assert contents_of([]) is None
    touch(tmp_path / "u.data")
    assert contents_of(files) is None
    touch(tmp_path / "u.item")
    empty = contents_of(files)
    assert empty is not None
    (tmp_path / "u.item").write_text("1|Toy Story")
    assert contents_of(files) not in (None, empty)


def test_a_local_llm_is_what_is_in_its_folder(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        touch(*(tmp_path / folder / name for name in ("config.json", "model.safetensors")))
        (tmp_path / folder / "README.md").write_text(folder)
    a, b = (settings(["demo"], llm=str(tmp_path / folder)).llm for folder in ("a", "b"))
    assert language_model_identity(a) == language_model_identity(b)
    (tmp_path / "b" / "model.safetensors").write_text("other weights")
    assert language_model_identity(a) != language_model_identity(b)
    hub = settings(["demo"], llm="meta-llama/Llama-2-7b-hf").llm
    assert language_model_identity(hub) == "meta-llama/Llama-2-7b-hf"


def test_steam_is_two_files(tmp_path: Path) -> None:
    files = [str(tmp_path / f"steam_{name}.json.gz") for name in ("games", "reviews")]
    assert ORIGINS["steam"].parts(str(tmp_path)) == files
    assert ORIGINS["steam"].places(str(tmp_path)) == files


def test_names_are_no_folders() -> None:
    assert local_folder("embedded") is None
    assert local_folder("meta-llama/Llama-2-7b-hf") is None
    assert language_model_files("meta-llama/Llama-2-7b-hf") == []
    assert local_folder("~/models") == str(Path.home() / "models")


def test_a_model_is_its_configuration_weights_and_tokenizer(tmp_path: Path) -> None:
    wanted = ["config.json", "model-1.safetensors", "tokenizer.json", "tokenizer.model"]
    touch(*(tmp_path / name for name in [*wanted, "README.md", "pytorch_model.bin"]))
    assert language_model_files(str(tmp_path)) == [str(tmp_path / name) for name in wanted]


def test_pickles_are_told_of_and_count_where_they_are_admitted(tmp_path: Path) -> None:
    names = ["config.json", "pytorch_model.bin", "tokenizer.json"]
    touch(*(tmp_path / name for name in names))
    assert language_model_files(str(tmp_path)) == [str(tmp_path / name) for name in names]
    refused = settings(["demo"], llm=str(tmp_path))
    with pytest.raises(UserError, match=r"its weights are pickles .* llm\.allow_pickle: true"):
        insist_on_files(refused)
    admitted = refused.llm.model_copy(update={"allow_pickle": True})
    insist_on_files(refused.model_copy(update={"llm": admitted}))


def test_what_is_not_asked_for_may_be_missing() -> None:
    insist_on_files(settings(["demo"], movielens="/none"))
    insist_on_files(settings(["demo"], llm="meta-llama/Llama-2-7b-hf"))


def test_all_missing_files_are_told_together(tmp_path: Path) -> None:
    touch(tmp_path / "ml" / "u.data", tmp_path / "llm" / "config.json")
    asked = settings(
        ["ml-100k", "steam", "events"],
        llm=str(tmp_path / "llm"),
        movielens=str(tmp_path / "ml"),
        steam=str(tmp_path / "games"),
        events=str(tmp_path / "events.csv"),
        items=str(tmp_path / "items.csv"),
    )
    with pytest.raises(UserError) as caught:
        insist_on_files(asked)
    told = str(caught.value)
    assert f"data.ml-100k.path: {tmp_path}/ml/u.item: no such file" in told
    assert f"data.steam.path: {tmp_path}/games/steam_games.json.gz: no such file" in told
    assert f"data.events.events: {tmp_path}/events.csv: no such file" in told
    assert f"data.events.items: {tmp_path}/items.csv: no such file" in told
    assert f"llm.source: {tmp_path}/llm: this folder has no *.safetensors and no token" in told


def test_what_is_no_file_is_told_before_any_job(tmp_path: Path) -> None:
    touch(tmp_path / "parts" / "a.csv", tmp_path / "parts" / "d=1" / "b.csv")
    os.mkfifo(tmp_path / "items.csv")
    asked = settings(["events"], events=str(tmp_path / "parts"), items=str(tmp_path / "items.csv"))
    with pytest.raises(UserError) as caught:
        insist_on_files(asked)
    told = str(caught.value)
    assert f"data.events.events: {tmp_path}/parts/d=1: a folder, not a file; wanted a tab" in told
    assert f"data.events.items: {tmp_path}/items.csv: a pipe or a device, not a file" in told
    assert "a.csv" not in told


def test_a_missing_model_folder_is_told() -> None:
    with pytest.raises(UserError, match=r"llm\.source: \./none: no such folder; wanted one with"):
        insist_on_files(settings(["demo"], llm="./none"))


def test_a_folder_that_is_named_like_a_hub_id_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    insist_on_files(settings(["demo"], llm="org/model"))
    (tmp_path / "org" / "model").mkdir(parents=True)
    with pytest.raises(UserError, match=r"a folder of this name is here; .* write \./org/model"):
        insist_on_files(settings(["demo"], llm="org/model"))
