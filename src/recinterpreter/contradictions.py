"""Keys of config.yaml that contradict each other: what the type of no single key can say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from recinterpreter import search
from recinterpreter.blocks import LLM
from recinterpreter.origins import ORIGINS
from recinterpreter.settings.evidence import PLANTED_JUDGES
from recinterpreter.settings.recommenders import UNTRAINED, BaselineName, RecommenderName

Keys = tuple[str | int, ...]
Config = Mapping[str, Any]
Contradictions = Iterator[tuple[Keys, str]]

# Folders of results/ and of results/{dataset}/ that have an owner.
_TAKEN_DATASETS = ("demo", *ORIGINS, "report", "logs")
_TAKEN_LLMS = ("embedded", "recommenders", "states", "raw", "", ".", "..")

# Whose scores stand in the table beside those of a recommender made elsewhere.
_TAKEN_RECOMMENDERS = (*get_args(RecommenderName), *get_args(BaselineName), "catalogue", "random")

ABSENT = object()


def value_at(config: Any, keys: Keys) -> Any:
    """Return what stands at a key of nested blocks; ABSENT where nothing does."""
    for key in keys:
        try:
            config = config[key]
        except (KeyError, IndexError, TypeError):
            return ABSENT
    return config


def _twice(*keys: str) -> Callable[[Config], Contradictions]:
    def check(config: Config) -> Contradictions:
        values = value_at(config, keys)
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


def _p5_path(config: Config) -> Contradictions:
    data = config["data"]
    p5 = "amazon" in data["sources"] and data["amazon"]["release"] == "p5"
    if p5 and not data["amazon"]["path"]:
        yield (
            ("data", "amazon", "path"),
            "got null, and P5's sequences (data.amazon.release) have no address to download from; "
            "wanted the folder that has a folder of them for each category",
        )


def _events_name(config: Config) -> Contradictions:
    name = config["data"]["events"]["name"]
    if name in _TAKEN_DATASETS or name.startswith("amazon-"):
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


def _nobody_to_interpret(config: Config) -> Contradictions:
    block = config["recommenders"]
    if block["names"] == [] and not block["outside"]:
        yield (
            ("recommenders", "names"),
            "got []; wanted at least one entry, or a recommender of your own in "
            "recommenders.outside",
        )


def _outside_recommenders(config: Config) -> Contradictions:
    outside, sources = config["recommenders"]["outside"], config["data"]["sources"]
    for name, files in outside.items():
        here = ("recommenders", "outside", name)
        if name in _TAKEN_RECOMMENDERS or name.startswith(UNTRAINED):
            yield here, f"{name!r} is the name of something else; choose another one"
        if files.get("oracle") and not files.get("items"):
            yield (
                (*here, "items"),
                "got null, and oracle names a file; wanted the vectors of all items, among which "
                "the oracle items' neighbours are looked for",
            )
    if outside and len(sources) > 1:
        yield (
            ("data", "sources"),
            f"names {len(sources)} data sets, and recommenders.outside brings files of one of them;"
            " wanted that one alone",
        )


CONTRADICTIONS: tuple[Callable[[Config], Contradictions], ...] = (
    _twice("data", "sources"),
    _twice("data", "amazon", "categories"),
    _twice("recommenders", "names"),
    _twice("recommenders", "untrained"),
    _nobody_to_interpret,
    _outside_recommenders,
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
    _p5_path,
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
