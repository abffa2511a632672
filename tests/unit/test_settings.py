"""What each stage receives: its own keys and no others, as one sorted line of JSON."""

import json
from pathlib import Path
from typing import get_args

import pytest
import yaml

from recinterpreter.blocks import LLM
from recinterpreter.experiment import Settings
from recinterpreter.settings.adapters import AdapterKind
from recinterpreter.settings.answers import Control

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def settings(**overlays: dict) -> Settings:
    blocks = {name: {**CONFIG[name], **overlays.get(name, {})} for name in CONFIG}
    return Settings.model_validate_json(json.dumps(blocks))


def test_as_json_is_one_sorted_line_and_comes_back() -> None:
    one = settings().training("sasrec", "3")
    line = one.as_json()
    assert "\n" not in line
    assert line == json.dumps(json.loads(line), sort_keys=True)
    assert type(one).model_validate_json(line) == one
    assert Settings.model_validate_json(settings().as_json()) == settings()


def test_a_stage_receives_the_wildcards_in_its_settings() -> None:
    training = settings().training("gru4rec", "7")
    assert (training.recommender, training.seed) == ("gru4rec", 7)
    assert training.recipe.model_dump() == CONFIG["recommenders"]["gru4rec"]
    adapter = settings().adapter_training("demo", "residual", "conv_linear", "7")
    assert (adapter.task, adapter.adapter, adapter.seed) == ("residual", "conv_linear", 7)
    answering = settings().answering("demo", "residual", "conv_linear")
    assert answering.max_new_tokens == CONFIG["answers"]["max_new_tokens"]["residual"]


def test_a_stage_does_not_receive_what_others_read() -> None:
    before, after = settings(), settings(answers={"sample": 7}, report={"title": "another"})
    assert before.training("sasrec", "0") == after.training("sasrec", "0")
    cell = ("demo", "recovery", "conv_linear")
    assert before.adapter_training(*cell, "0") == after.adapter_training(*cell, "0")
    assert before.answering(*cell) == after.answering(*cell)
    assert before.selection() != after.selection()
    # another recommender's own block is none of SASRec's business
    deeper = {**CONFIG["recommenders"]["gru4rec"], "layers": 3}
    other = settings(recommenders={"gru4rec": deeper})
    assert before.training("sasrec", "0") == other.training("sasrec", "0")
    assert before.training("gru4rec", "0") != other.training("gru4rec", "0")


def test_an_adapter_receives_the_sizes_of_its_own_kind() -> None:
    before, after = settings(), settings(adapter={"mlp": {"hidden": 7}})
    for kind in get_args(AdapterKind):
        cell = ("demo", "recovery", kind, "0")
        same = before.adapter_training(*cell) == after.adapter_training(*cell)
        assert same == (kind != "mlp")
        sizes = before.adapter_training(*cell).sizes
        assert (sizes and sizes.model_dump()) == CONFIG["adapter"].get(kind)


def test_how_an_llm_is_handled_is_in_no_settings_and_what_is_read_of_it_is() -> None:
    cell = ("demo", "recovery", "conv_linear")
    plainly = settings()
    handled = settings(llm={"spread": True, "allow_pickle": True})
    assert handled.running() != plainly.running()
    assert handled.answering(*cell) == plainly.answering(*cell)
    assert handled.adapter_training(*cell, "0") == plainly.adapter_training(*cell, "0")
    assert handled.loading() == plainly.loading()
    for key, value in {"precision": "bfloat16", "weights": "int8", "revision": "x"}.items():
        read = settings(llm={key: value})
        assert getattr(read.answering(*cell).loading, key) == value
        assert getattr(read.adapter_training(*cell, "0").loading, key) == value
        assert getattr(read.loading(), key) == value
        assert read.running() == plainly.running()


def test_ingest_receives_what_is_said_of_its_own_source_and_never_where_it_is() -> None:
    own = {**CONFIG["data"]["events"], "events": "/e.csv", "items": "/i.csv"}
    steam = {**CONFIG["data"]["steam"], "path": "/s"}
    sources = ["demo", "ml-100k", "steam", "events"]
    here = settings(data={"sources": sources})
    moved = {"sources": sources, "ml-100k": {"path": "/x"}, "steam": steam, "events": own}
    moved = settings(data=moved)
    for source in sources:
        assert moved.data.ingest(source) == here.data.ingest(source)
    assert set(json.loads(moved.data.ingest("demo").as_json())["source"]) == {
        "items",
        "users",
        "seed",
    }
    assert moved.data.ingest("ml-100k").source is None
    sampled = {"min_reviews", "users", "games", "seed"}
    assert set(json.loads(moved.data.ingest("steam").as_json())["source"]) == sampled
    assert moved.data.ingest("events").source == moved.data.events.columns


def test_a_column_of_ratings_counts_where_it_is_filtered_by() -> None:
    own = CONFIG["data"]["events"]
    columns = {**own["columns"], "rating": "stars"}
    rated = {"sources": ["events"], "events": {**own, "columns": columns}}
    assert settings(data=rated).data.ingest("events").source.rating is None
    filtered = settings(data={**rated, "min_rating": 3}).data.ingest("events")
    assert filtered.source.rating == "stars"


def test_judging_wants_two_recommenders_a_task_and_an_endpoint_that_knows_the_data() -> None:
    def judged(endpoint: str | None, **overlays: dict) -> list[str]:
        data = {"sources": ["demo", "ml-100k"]}
        return settings(data=data, judge={"endpoint": endpoint}, **overlays).judged

    assert judged(None) == []
    assert judged("planted") == ["demo"]
    assert judged("http://localhost:8000/v1") == judged("environment") == ["demo", "ml-100k"]
    assert judged("planted", recommenders={"names": ["sasrec", "gru4rec"]}) == []
    assert judged("planted", adapter={"tasks": ["recovery"]}) == []


def test_how_patiently_judges_are_asked_is_in_no_settings_of_theirs() -> None:
    before = settings(judge={"endpoint": "planted"})
    after = settings(judge={"endpoint": "planted", "concurrency": 3, "most_requests": None})
    assert before.judging("demo") == after.judging("demo")
    assert before.judging_pace() != after.judging_pace()


def test_datasets_sources_and_domains() -> None:
    one = settings(
        data={"sources": ["demo", "events"], "events": {**CONFIG["data"]["events"], "name": "mine"}}
    )
    assert one.datasets == ["demo", "mine"]
    assert one.sources == ["recorded", *get_args(Control)]
    assert one.encoders == [*one.recommenders.names, "untrained_sasrec"]
    assert (one.worded, one.ranked) == (["recovery", "residual"], ["preference"])
    domains = {name: one.data.domain(name) for name in ("demo", "mine", "ml-100k", "steam")}
    assert domains == {"demo": "movies", "mine": "items", "ml-100k": "movies", "steam": "games"}


@pytest.mark.parametrize(
    ("source", "revision", "slug"),
    [
        ("embedded", None, "embedded"),
        ("./models/tiny", None, "tiny"),
        ("/models/tiny llama/", None, "tiny--llama"),
        ("meta-llama/Llama-2-7b-hf", None, "meta-llama--Llama-2-7b-hf"),
        ("meta-llama/Llama-2-7b-hf", "refs/pr/1", "meta-llama--Llama-2-7b-hf@refs--pr--1"),
    ],
)
def test_the_llm_has_one_folder(source: str, revision: str | None, slug: str) -> None:
    llm = LLM.model_construct(source=source, revision=revision)
    assert llm.slug == slug


def test_a_recommender_made_elsewhere_is_interpreted_and_asked_nothing_itself() -> None:
    files = {"mine": {"states": "s.npz"}, "best": {"states": "t.npz", "recommended": "b.parquet"}}
    block = {**CONFIG["recommenders"], "names": ["dreamrec"], "outside": files}
    one = settings(recommenders=block)
    assert one.interpreted == ["dreamrec", "mine", "best"]
    assert one.encoders == [*one.interpreted, "untrained_sasrec"]
    assert one.made_here == ["dreamrec", "untrained_sasrec"]
    assert one.ranking == ["dreamrec", "best", "untrained_sasrec"]
    assert one.dreaming == ["dreamrec"]
    assert (one.outside(), one.outside("recommended")) == (["mine", "best"], ["best"])


def test_without_a_list_preference_is_learned_from_what_came_next() -> None:
    files = {"mine": {"states": "s.npz"}, "best": {"states": "t.npz", "recommended": "b.parquet"}}
    one = settings(recommenders={**CONFIG["recommenders"], "outside": files})
    cell = ("demo", "preference", "conv_linear", "0")
    learnt = {name: one.adapter_training(*cell, name).preferred for name in ("mine", "best")}
    assert learnt == {"mine": "next", "best": "recommended"}
    assert one.adapter_training(*cell, "sasrec").preferred == "recommended"
    assert one.adapter_training("demo", "residual", "conv_linear", "0", "mine").preferred is None
