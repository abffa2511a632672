"""For every key of config.yaml a value that is allowed and is not the one it has."""

from typing import Any

# What a rule cannot guess: names, paths, and what must go with another key.
GIVEN: dict[str, Any] = {
    "data.sources": ["demo", "ml-100k"],
    "data.min_rating": 2.0,
    "data.steam.path": "elsewhere/steam",
    "data.steam.users": 0.4,
    "data.steam.games": 0.8,
    "data.titles.style": "raw",
    "data.demo.items": 60,
    "data.ml-100k.path": "elsewhere/movielens",
    "data.ml-1m.path": "elsewhere/ml-1m",
    "data.ml-20m.path": "elsewhere/ml-20m",
    "data.ml-25m.path": "elsewhere/ml-25m",
    "data.ml-latest-small.path": "elsewhere/ml-latest-small",
    "data.amazon.release": 2023,
    "data.amazon.categories": ["Gift_Cards", "Software"],
    "data.amazon.path": "elsewhere/amazon",
    "data.amazon.longest_title": 12,
    "data.lastfm.path": "elsewhere/lastfm",
    "data.events.name": "others",
    "data.events.domain": "games",
    "data.events.events": "elsewhere/e.csv",
    "data.events.items": "elsewhere/i.csv",
    "data.events.columns.rating": "stars",
    "split.unit": "time",
    "split.train": 0.7,
    "split.validation": 0.15,
    "split.history": 5,
    "recommenders.names": ["sasrec", "dreamrec"],
    # any file will do: nothing is read in a dry run
    "recommenders.outside": {
        "mine": dict.fromkeys(("states", "items", "recommended"), "Snakefile")
    },
    "recommenders.seeds": [0, 1],
    "recommenders.caser.sizes": [2],
    "recommenders.gru4rec.dropout": 0.3,
    "recommenders.sasrec.heads": 2,
    "recommenders.dreamrec.heads": 2,
    "recommenders.dreamrec.item_table": "sasrec",
    "recommenders.dreamrec.denoiser": "mlp2",
    "recommenders.dreamrec.schedule": "linear",
    "recommenders.search.names": [],
    "recommenders.search.sasrec.embedding_size": [16],
    "recommenders.search.sasrec.l2": [0.1],
    "recommenders.search.trials": 1,
    "states.precision": "float16",
    "llm.source": "org/model",
    "llm.revision": "abc",
    "llm.precision": "bfloat16",
    "llm.weights": "int8",
    "llm.embedded.hidden_size": 24,
    "llm.embedded.heads": 2,
    "adapter.kinds": ["last_linear"],
    "adapter.q_former.heads": 2,
    "adapter.tasks": ["residual", "preference"],
    "adapter.preferred": "next",
    "adapter.standardise": "none",
    "answers.controls": ["another_user"],
    "answers.decoding": "catalogue",
    "answers.rank_titles": [],
    "edits.kinds": ["drop"],
    "judge.endpoint": "http://127.0.0.1:9/v1",
    "judge.models": ["hasty"],
    "judge.temperature": 0.5,
    "scores.cutoffs": [5, 10],
    "scores.confidence": 0.9,
    "scores.power": 0.9,
    "scores.similarity": 0.9,
}


def keys(config: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return every key of a configuration, whole ("split.unit"), with its value."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict) and value:
            found |= keys(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def other(key: str, value: Any) -> Any:
    """Return another value for a key."""
    if key in GIVEN:
        return GIVEN[key]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return round(value / 2 + 0.1, 6)
    if isinstance(value, list):
        return value[:-1]
    return {None: 7}.get(value, f"another {value}")


# A key that means something beside another one only.
BESIDE = {"llm.revision": {"source": "org/model"}}


def overlay(key: str, value: Any) -> dict[str, Any]:
    """Return the configuration that sets one key."""
    beside = BESIDE.get(key, {})
    for name in reversed(key.split(".")):
        value = {name: value, **beside}
        beside = {}
    return value
