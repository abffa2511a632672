"""config.yaml and what overlays it, checked once before any job; every error says how to mend it.

Apart from `settings`, which stages import, so that a better message here makes no result stale.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from recinterpreter import search
from recinterpreter.errors import UserError
from recinterpreter.experiment import LLM, Settings
from recinterpreter.settings.evidence import PLANTED_JUDGES

Keys = tuple[str | int, ...]
Config = Mapping[str, Any]

# Folders of results/ and of results/{dataset}/ that have an owner.
_TAKEN_DATASETS = ("demo", "ml-100k", "report", "logs")
_TAKEN_LLMS = ("embedded", "recommenders", "states", "raw", "", ".", "..")
# What the schema's terms are called in a YAML file.
_PLAIN_WORDS = {
    "Input should be ": "wanted ",
    "a valid array": "a list",
    "a valid dictionary": "a block of keys",
    "an object": "a block of keys",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a finite number": "a number that is not infinite and not NaN",
    "a valid string": "text",
    "a valid boolean": "true or false",
    "String should match pattern": "wanted what the comment beside this key says; its pattern is",
    "List should have at least 1 item after validation, not 0": "wanted at least one entry",
}


def typed(given: Any) -> Any:
    """Give the values of `--config` the types they would have in a file.

    Snakemake leaves everything inside `--config 'split={history: 5}'` as text.
    """
    if isinstance(given, Mapping):
        return {key: typed(value) for key, value in given.items()}
    if isinstance(given, list):
        return [typed(value) for value in given]
    return yaml.safe_load(given) if isinstance(given, str) else given


def load(config: Config, files: Mapping[str, Config]) -> Settings:
    """Check a merged configuration and return it typed.

    `files` maps each configuration file to what it held, the last one winning, so that an error
    can name the file its key came from. Raises UserError with *all* that is wrong, a line each:
    file, key, what was got, what is valid.
    """
    # through JSON: lists stay lists, dates become text, and keys that are no text become text
    plain = json.loads(json.dumps(config, default=str))
    settings, wrong = None, []
    try:
        settings = Settings.model_validate_json(json.dumps(plain))
    except ValidationError as error:
        wrong = [_explain(dict(e), plain, files) for e in error.errors(include_url=False)]
    for check in _CONTRADICTIONS:
        # a key that is missing or of a wrong kind has been told of above
        with suppress(KeyError, TypeError, AttributeError, ZeroDivisionError):
            for keys, message in check(plain):
                wrong.append(f"{_file_of(keys, plain, files)}: {_dotted(keys)}: {message}")
    if wrong or settings is None:
        raise UserError("the configuration cannot be used:\n  " + "\n  ".join(wrong))
    return settings


# --- single keys --------------------------------------------------------------------------------


def _explain(error: dict[str, Any], config: Config, files: Mapping[str, Config]) -> str:
    keys: Keys = error["loc"]
    where = f"{_file_of(keys, config, files)}: {_dotted(keys)}"
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key; {_nearest(keys)}valid here: {', '.join(_keys_at(keys[:-1]))}"
    if error["type"] == "missing":
        return f"{where}: missing; config.yaml as it was shipped has every key with its default"
    message, got = error["msg"], error["input"]
    for term, word in _PLAIN_WORDS.items():
        message = message.replace(term, word)
    if error["type"] in ("float_type", "int_type") and isinstance(got, str):
        message += _number_hint(got)
    return f"{where}: got {json.dumps(got, ensure_ascii=False)}; {message}"


def _number_hint(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return ""
    shown = repr(int(value) if value.is_integer() else value)
    if "e" in shown:  # as YAML wants it: with a point and a sign
        mantissa, exponent = shown.split("e")
        shown = f"{mantissa}{'' if '.' in mantissa else '.0'}e{int(exponent):+d}"
    return f" (YAML reads this as text; write {shown})"


def _nearest(keys: Keys) -> str:
    """Suggest a key of the same block that is spelt alike, or the same key of other blocks."""
    name = str(keys[-1])
    close = difflib.get_close_matches(name, _keys_at(keys[:-1]), n=1)
    close = close or [key for key in _all_keys(Settings) if key.split(".")[-1] == name]
    return f"did you mean {' or '.join(repr(key) for key in close)}? " if close else ""


def _all_keys(block: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in block.model_fields.items():
        yield prefix + (field.alias or name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _all_keys(field.annotation, f"{prefix}{field.alias or name}.")


def _keys_at(path: Keys) -> list[str]:
    """Names of the keys that are valid inside the block at `path`."""
    block = _dotted(path) + "." if path else ""
    inside = [key.removeprefix(block) for key in _all_keys(Settings) if key.startswith(block)]
    return [key for key in inside if "." not in key]


def _dotted(keys: Keys) -> str:
    return ".".join(str(key) for key in keys)


_ABSENT = object()


def _at(config: Any, keys: Keys) -> Any:
    for key in keys:
        try:
            config = config[key]
        except (KeyError, IndexError, TypeError):
            return _ABSENT
    return config


def _file_of(keys: Keys, config: Config, files: Mapping[str, Config]) -> str:
    """Name the last file that sets this key as it is; a missing key belongs to its block."""
    value = _at(config, keys)
    if value is _ABSENT:
        around = [name for name, content in files.items() if _at(content, keys[:-1]) is not _ABSENT]
        return around[0] if around else "--config"
    for name in reversed(list(files)):
        found = _at(files[name], keys)
        if found is not _ABSENT and json.dumps(found, default=str) == json.dumps(value):
            return name
    return "--config"


# --- keys that contradict each other ------------------------------------------------------------

Contradictions = Iterator[tuple[Keys, str]]


def _twice(*keys: str) -> Callable[[Config], Contradictions]:
    def check(config: Config) -> Contradictions:
        values = _at(config, keys)
        several = values if isinstance(values, list) else []
        twice = sorted({str(value) for value in several if several.count(value) > 1})
        if twice:
            yield keys, f"names {', '.join(twice)} twice"

    return check


def _no_test_split(config: Config) -> Contradictions:
    split = config["split"]
    if split["train"] + split["validation"] >= 1:
        yield (
            ("split", "train"),
            f"train {split['train']} + validation {split['validation']} leaves nothing; wanted a "
            "sum below 1, the rest is the test split",
        )


def _heads_of(recommender: str) -> Callable[[Config], Contradictions]:
    def check(config: Config) -> Contradictions:
        recipe = config["recommenders"][recommender]
        width, heads = recipe["embedding_size"], recipe["heads"]
        named = recommender in config["recommenders"]["names"]
        if named and width > 0 and heads > 0 and width % heads:
            yield (
                ("recommenders", recommender, "heads"),
                f"{heads} heads cannot share an embedding_size of {width}; wanted a divisor of it",
            )

    return check


def _steps_of_sampling(config: Config) -> Contradictions:
    recipe = config["recommenders"]["dreamrec"]
    steps, total = recipe["sampling_steps"], recipe["diffusion_steps"]
    if steps > total:
        yield (
            ("recommenders", "dreamrec", "sampling_steps"),
            f"got {steps}; the diffusion has {total} steps, wanted at most these",
        )


def _sizes_of_caser(config: Config) -> Contradictions:
    sizes, history = config["recommenders"]["caser"]["sizes"], config["split"]["history"]
    if sizes and max(sizes) > history:
        yield (
            ("recommenders", "caser", "sizes"),
            f"a filter of {max(sizes)} items; histories have {history} (split.history), wanted at "
            "most these",
        )


def _heads_of_embedded(config: Config) -> Contradictions:
    embedded = config["llm"]["embedded"]
    width, heads = embedded["hidden_size"], embedded["heads"]
    if width > 0 and heads > 0 and width % (2 * heads):
        yield (
            ("llm", "embedded", "heads"),
            f"{heads} heads cannot share a hidden_size of {width}; wanted hidden_size to be a "
            "multiple of twice the heads (rotary positions turn pairs of dimensions)",
        )


def _heads_of_q_former(config: Config) -> Contradictions:
    sizes = config["adapter"]["q_former"]
    width, heads = sizes["query_width"], sizes["heads"]
    if "q_former" in config["adapter"]["kinds"] and heads > 0 and width % heads:
        yield (
            ("adapter", "q_former", "heads"),
            f"{heads} heads cannot share a query_width of {width}; wanted a divisor of it",
        )


def _ranked_tasks(config: Config) -> Contradictions:
    tasks = config["adapter"]["tasks"]
    if strange := [task for task in config["answers"]["rank_titles"] if task not in tasks]:
        yield (
            ("answers", "rank_titles"),
            f"names {', '.join(strange)}, and no adapter is trained for that (adapter.tasks is "
            f"{tasks}); wanted tasks of adapter.tasks",
        )


def _planted_judges(config: Config) -> Contradictions:
    judge = config["judge"]
    strange = [name for name in judge["models"] if name not in PLANTED_JUDGES]
    if judge["endpoint"] == "planted" and strange:
        yield (
            ("judge", "models"),
            f"names {', '.join(strange)}, and judge.endpoint is planted, which serves "
            f"{' and '.join(PLANTED_JUDGES)}; wanted these, or the URL of another server",
        )


def _events_tables(config: Config) -> Contradictions:
    data = config["data"]
    if "events" in data["sources"]:
        for key in ("events", "items"):
            if not data["events"][key]:
                yield (
                    ("data", "events", key),
                    f"got {json.dumps(data['events'][key])}, and data.sources names events; "
                    "wanted the path of your table",
                )


def _events_name(config: Config) -> Contradictions:
    name = config["data"]["events"]["name"]
    if name in _TAKEN_DATASETS:
        yield (
            ("data", "events", "name"),
            f"{name!r} is taken: results/{name} belongs to something else; choose another name",
        )


def _llm_folder(config: Config) -> Contradictions:
    llm = config["llm"]
    source, revision = llm["source"], llm["revision"]
    is_name = not source.startswith((".", "/", "~")) and source != "embedded"
    if revision is not None and not is_name:
        yield (
            ("llm", "revision"),
            f"got {revision!r}; wanted null, only a Hugging Face id has revisions",
        )
    slug = LLM.model_construct(source=source, revision=None).slug
    if source != "embedded" and slug in _TAKEN_LLMS:
        yield (
            ("llm", "source"),
            f"{source!r} would keep its results in a folder named {slug!r}, which is taken; "
            "rename the folder or give a link to it another name",
        )


def _spread_by_several(config: Config) -> Contradictions:
    processes = config["adapter"]["processes"]
    if config["llm"]["spread"] and processes > 1:
        yield (
            ("llm", "spread"),
            f"got true, and adapter.processes is {processes}, each of which would want all GPUs; "
            "wanted one of the two",
        )


_CONTRADICTIONS: tuple[Callable[[Config], Contradictions], ...] = (
    _twice("data", "sources"),
    _twice("recommenders", "names"),
    _twice("recommenders", "baselines"),
    _twice("recommenders", "seeds"),
    _twice("recommenders", "caser", "sizes"),
    _twice("recommenders", "search", "names"),
    _twice("adapter", "kinds"),
    _twice("adapter", "tasks"),
    _twice("answers", "controls"),
    _twice("judge", "models"),
    _planted_judges,
    _twice("answers", "rank_titles"),
    _ranked_tasks,
    _twice("edits", "kinds"),
    _twice("bounds", "decoders"),
    _twice("scores", "cutoffs"),
    _events_tables,
    _events_name,
    _no_test_split,
    _heads_of("sasrec"),
    _heads_of("dreamrec"),
    _steps_of_sampling,
    _sizes_of_caser,
    search.items_of_sasrec,
    search.never_trained,
    search.contradictions,
    _heads_of_embedded,
    _heads_of_q_former,
    _llm_folder,
    _spread_by_several,
)
