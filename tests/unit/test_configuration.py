"""Every way a configuration can be wrong, told together with file, key, what was got, the cure."""

import copy
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from recinterpreter.configuration import load, typed
from recinterpreter.errors import UserError
from recinterpreter.experiment import Settings
from recinterpreter.settings.recommenders import SASRecRecipe

ROOT = Path(__file__).parents[2]
SHIPPED = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def overlaid(base: Any, overlay: Any) -> Any:
    """Merge as Snakemake does: blocks key by key, all else replaced."""
    if not (isinstance(base, dict) and isinstance(overlay, dict)):
        return copy.deepcopy(overlay)
    merged = dict(base)
    for key, value in overlay.items():
        merged[key] = overlaid(base.get(key), value)
    return merged


def load_with(text: str) -> Settings:
    overlay = yaml.safe_load(text)
    files = {"config.yaml": SHIPPED, "mine.yaml": overlay}
    return load(overlaid(SHIPPED, overlay), files)


def errors(text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        load_with(text)
    heading, *lines = str(caught.value).split("\n")
    assert heading == "the configuration cannot be used:"
    return [line.strip() for line in lines]


def test_the_shipped_configuration_is_valid() -> None:
    assert load(SHIPPED, {"config.yaml": SHIPPED}).datasets == ["demo"]


@pytest.mark.parametrize("preset", sorted((ROOT / "workflow" / "presets").glob("*.yaml")))
def test_presets_are_valid(preset: Path) -> None:
    assert load_with(preset.read_text(encoding="utf-8")).datasets


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "recommenders: {sasrec: {embeding_size: 3}}",
            "recommenders.sasrec.embeding_size: unknown key; did you ",
        ),
        ("recommenders: {sasrec: {embeding_size: 3}}", "mean 'embedding_size'?"),
        ("recomenders: {}", "recomenders: unknown key; did you mean 'recommenders'?"),
        ("warm_start_steps: 3", "did you mean 'adapter.warm_start_steps'?"),
        ("data: {ml_100k: {path: ./x}}", "data.ml_100k: unknown key; did you mean 'ml-100k'?"),
        (
            "recommenders: {sasrec: {batch_size: 1.5}}",
            "recommenders.sasrec.batch_size: got 1.5; wanted a whole",
        ),
        (
            "recommenders: {sasrec: {epochs: true}}",
            "recommenders.sasrec.epochs: got true; wanted a whole number",
        ),
        (
            "recommenders: {names: [sasrek]}",
            "names.0: got \"sasrek\"; wanted 'gru4rec', 'caser', 'sas",
        ),
        ("recommenders: {names: sasrec}", 'recommenders.names: got "sasrec"; wanted a list'),
        (
            "recommenders: {outside: {mine: {states: 3}}}",
            "recommenders.outside.mine.states: got 3; wanted text",
        ),
        (
            "recommenders: {outside: {mine: {states: s.npz, item: i.npz}}}",
            "valid here: states, items, recommended, oracle",
        ),
        (
            "recommenders: {outside: {ease: {states: s.npz}}}",
            "recommenders.outside.ease: 'ease' is the name of something else",
        ),
        (
            "recommenders: {outside: {untrained_x: {states: s.npz}}}",
            "'untrained_x' is the name of something else",
        ),
        (
            "recommenders: {outside: {mine: {states: s.npz, oracle: o.npz}}}",
            "recommenders.outside.mine.items: got null, and oracle names a file; wanted the vec",
        ),
        (
            "{data: {sources: [demo, steam]}, recommenders: {outside: {mine: {states: s.npz}}}}",
            "data.sources: names 2 data sets, and recommenders.outside brings files of one",
        ),
        ("recommenders: {names: []}", "recommenders.names: got []; wanted at least one entry"),
        (
            "recommenders: {sasrec: {learning_rate: 1e-3}}",
            'got "1e-3"; wanted a number (YAML reads this as',
        ),
        ("recommenders: {sasrec: {learning_rate: 1e-3}}", "as text; write 0.001)"),
        ("recommenders: {sasrec: {l2: 1e-7}}", "as text; write 1.0e-7)"),
        ("recommenders: {sasrec: {l2: .nan}}", "l2: got NaN; wanted"),
        ("data: {min_rating: .inf}", "min_rating: got Infinity; wanted a number that is not inf"),
        (
            "recommenders: {sasrec: {embedding_size: -1}}",
            "got -1; wanted greater than or equal to 2",
        ),
        (
            "recommenders: {sasrec: {dropout: 1.0}}",
            "recommenders.sasrec.dropout: got 1.0; wanted less than 1",
        ),
        ("split: null", "split: got null; wanted a block of keys"),
        ("data: {demo: {items: 5000}}", "data.demo.items: got 5000; wanted less than or equal"),
        ("report: {title: 3}", "report.title: got 3; wanted text"),
        ("judge: {endpoint: 'https://me:secret@x/v1'}", "judge.endpoint: got"),
        ("judge: {endpoint: localhost}", "wanted what the comment beside this key says"),
        ("judge: {endpoint: environment, models: [/m/llama]}", "judge.models.0: got"),
    ],
)
def test_a_wrong_key_is_told_with_file_got_and_valid(text: str, told: str) -> None:
    (line,) = errors(text)
    assert line.startswith("mine.yaml: ")
    assert told in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("split: {train: 0.9, validation: 0.1}", "split.train: train 0.9 + validation 0.1 leaves"),
        ("recommenders: {sasrec: {heads: 3}}", "3 heads cannot share an embedding_size of 128"),
        ("llm: {embedded: {heads: 3}}", "3 heads cannot share a hidden_size of 128"),
        (
            "adapter: {kinds: [q_former], q_former: {heads: 3}}",
            "adapter.q_former.heads: 3 heads cannot share a query_width of 128",
        ),
        ("recommenders: {seeds: [1, 1]}", "recommenders.seeds: names 1 twice"),
        ("answers: {controls: [mean_state, mean_state]}", "answers.controls: names mean_state twi"),
        ("recommenders: {caser: {sizes: [2, 2]}}", "recommenders.caser.sizes: names 2 twice"),
        ("recommenders: {caser: {sizes: [2, 50]}}", "a filter of 50 items; histories have 10"),
        (
            "recommenders: {names: [gru4rec], search: {names: [caser]}}",
            "recommenders.search.names: caser would be searched and never trained",
        ),
        (
            "{answers: {rank_titles: [residual]}, adapter: {tasks: [recovery]}}",
            "answers.rank_titles: names residual, and no adapter is trained for that",
        ),
        ("judge: {endpoint: planted, models: [gpt]}", "judge.models: names gpt, and judge.endpoi"),
        ("judge: {models: [careful, careful]}", "judge.models: names careful twice"),
        ("scores: {cutoffs: [10, 5, 10]}", "scores.cutoffs: names 10 twice"),
        ("data: {events: {name: ml-100k}}", "'ml-100k' is taken: results/ml-100k belongs to"),
        ("data: {events: {name: amazon-2014-beauty}}", "'amazon-2014-beauty' is taken: results/"),
        (
            "data: {sources: [amazon], amazon: {release: p5, path: null}}",
            "data.amazon.path: got null, and P5's",
        ),
        ("data: {amazon: {categories: [Beauty, Beauty]}}", "names Beauty twice"),
        ("data: {events: {name: logs}}", "'logs' is taken"),
        ("llm: {revision: main}", "llm.revision: got 'main'; wanted null, only a Hugging Face id"),
        ("llm: {source: ./m, revision: main}", "llm.revision: got 'main'; wanted null"),
        ("llm: {source: ./models/states}", "a folder named 'states', which is taken"),
        (
            "{llm: {spread: true}, adapter: {processes: 2}}",
            "llm.spread: got true, and adapter.proc",
        ),
        ("llm: {source: ../embedded}", "a folder named 'embedded', which is taken"),
    ],
)
def test_contradictions_are_told(text: str, told: str) -> None:
    (line,) = errors(text)
    assert line.startswith("mine.yaml: ")
    assert told in line


def test_own_events_need_both_tables() -> None:
    lines = errors("data: {sources: [events], events: {items: ./i.csv}}")
    assert len(lines) == 1
    assert lines[0].startswith("config.yaml: data.events.events: got null")


def test_sasrec_heads_do_not_matter_without_sasrec() -> None:
    text = "recommenders: {names: [gru4rec], sasrec: {heads: 3}}"
    assert load_with(text).recommenders.names == ["gru4rec"]


def test_heads_of_a_q_former_do_not_matter_without_one() -> None:
    assert load_with("adapter: {q_former: {heads: 3}}").adapter.kinds == ["conv_linear"]


def test_all_is_told_together() -> None:
    lines = errors("""
        recommenders:
          sasrec: {learning_rate: 1e-3, embedding_size: -1, embeding_size: 3}
          seeds: [0, 0]
        split: {unit: user, train: 0.9, validation: 0.2}
        llm: {embedded: {hidden_size: 100, heads: 3}}
    """)
    keys = [line.split(": ")[1] for line in lines]
    assert sorted(keys) == [
        "llm.embedded.heads",
        "recommenders.sasrec.embedding_size",
        "recommenders.sasrec.embeding_size",
        "recommenders.sasrec.learning_rate",
        "recommenders.seeds",
        "split.train",
        "split.unit",
    ]


def test_values_of_the_command_line_have_the_types_of_a_file() -> None:
    given = {"a": {"b": ["0", "1.5", "true", "null", "text", "1e-3"]}, "c": 3, "d": "./x y"}
    wanted = {"a": {"b": [0, 1.5, True, None, "text", "1e-3"]}, "c": 3, "d": "./x y"}
    assert typed(given) == wanted


def test_an_error_names_the_file_that_set_the_key() -> None:
    broken = overlaid(SHIPPED, {"recommenders": {"sasrec": {"epochs": 0}}})
    overlay = {"split": {"history": 1}}
    given = overlaid(overlaid(broken, overlay), {"scores": {"confidence": 2}})
    with pytest.raises(UserError) as caught:
        load(given, {"config.yaml": broken, "mine.yaml": overlay})
    told = dict(re.findall(r"^ *(\S+): (\S+): got", str(caught.value), re.M))
    assert told == {
        "config.yaml": "recommenders.sasrec.epochs",
        "mine.yaml": "split.history",
        "--config": "scores.confidence",
    }


def test_a_missing_key_belongs_to_the_file_that_has_its_block() -> None:
    short = copy.deepcopy(SHIPPED)
    del short["split"]["history"]
    with pytest.raises(UserError, match=r"config\.yaml: split\.history: missing"):
        load(short, {"config.yaml": short})


def test_every_key_of_config_yaml_has_its_own_comment() -> None:
    lines = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()
    pairs = itertools.pairwise(lines)
    # a block opens with no value; what it is for is told key by key inside. A key that several
    # recommenders have is told of in the first recipe.
    bare, told = [], set()
    for above, line in pairs:
        if key := re.match(r" +([\w-]+): *\S", line):
            if above.strip().startswith("#"):
                told.add(key[1])
            elif key[1] not in told & {*SASRecRecipe.model_fields}:
                bare.append(line)
    assert bare == []
