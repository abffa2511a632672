"""Tables of a synthetic experiment, as the scoring stages make them: for the tests of the page."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import yaml

from recinterpreter import schemas, tables
from recinterpreter.checkpoint import write_json
from recinterpreter.experiment import Settings
from recinterpreter.stages.compute_scores import compute_scores
from recinterpreter.stages.give_verdicts import give_verdicts

ROOT = Path(__file__).parents[2]
EVIL = "<script>alert('x')</script> & \"Sons\""
N_ITEMS, N_USERS, HISTORY = 60, 120, 10
FORMS = {
    "recovery": ("This user has watched ", " in the previous."),
    "residual": ("This user watched movie ", " in List2 but not in List1."),
}
# share of titles that an answer gets right, by source of the states
SKILL = {"recorded": 0.8, "another_user": 0.02, "mean_state": 0.04, "prompt_only": 0.0}
SKILL |= {"zeros": 0.01, "noise": 0.03}


def settings(
    seeds: tuple[int, ...] = (0,),
    unit: str = "sequence",
    names: tuple[str, ...] = ("sasrec", "gru4rec"),
    rank_titles: tuple[str, ...] = (),
) -> Settings:
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["scores"]["resamples"] = 200
    config["report"]["cases"] = 3
    config["recommenders"] |= {"names": list(names), "seeds": list(seeds)}
    config["split"]["unit"] = unit
    config["answers"]["rank_titles"] = list(rank_titles)
    return Settings.model_validate_json(json.dumps(config))


def make_results(results: Path, wanted: Settings, dataset: str = "demo") -> None:
    """Write all tables that the page reads, the answers made by chance with known skill."""
    rng = np.random.default_rng(0)
    folder = results / dataset
    titles = {i: f"The {chr(64 + i // 3)} of Film {i}" for i in range(1, N_ITEMS + 1)}
    titles[1] = EVIL
    rows = [
        {"item_id": i, "source_id": f"f{i}", "raw_title": t, "title": t} for i, t in titles.items()
    ]
    tables.write_rows(folder / "items.parquet", rows, schemas.ITEMS)
    examples = _examples(rng)
    tables.write_rows(folder / "examples.parquet", examples, schemas.EXAMPLES, {"history": HISTORY})
    _describe(folder, wanted, titles)
    tested = [e for e in examples if e["split"] == "test"]
    rankings = _rankings(folder, wanted, examples, rng)
    answers = _answers(folder / "work", wanted, tested, titles, rng)
    llm = folder / wanted.llm.slug
    give_verdicts(
        items=folder / "items.parquet",
        examples=folder / "examples.parquet",
        answers=answers,
        verdicts=llm / "verdicts.parquet",
    )
    compute_scores(
        settings=wanted.scores,
        items=folder / "items.parquet",
        examples=folder / "examples.parquet",
        verdicts=llm / "verdicts.parquet",
        rankings=rankings,
        readings=_readings(folder / "work", wanted, tested),
        oracles=_oracles(folder, wanted, tested),
        edits=_edits(folder, wanted, tested),
        consistencies=_consistencies(folder, wanted, tested),
        oracle_verdicts=_oracle_words(folder, wanted, tested),
        probes=_probes(folder, wanted, tested),
        judgements=_judgements(llm, wanted, dataset, tested),
        scores=llm / "scores.parquet",
    )


def _examples(rng: np.random.Generator) -> list[dict]:
    examples = []
    for user in range(1, N_USERS + 1):
        events = rng.permutation(N_ITEMS)[:14] + 1
        if user == N_USERS // 2 + 1:
            events[-2] = 1
        split = "test" if user > N_USERS // 2 else "validation" if user > 50 else "train"
        for position in range(1, 14):
            history = events[max(0, position - HISTORY) : position].tolist()
            examples.append(
                {"example_id": len(examples) + 1, "user_id": user, "position": position}
                | {"history": history, "target": int(events[position]), "time": 0, "split": split}
            )
    return examples


def _describe(folder: Path, wanted: Settings, titles: dict[int, str]) -> None:
    checks = [
        ("users", N_USERS, "users", "with at least one interaction"),
        ("training_later_than_test", 0.123, "share", "training interactions later than a test"),
        ("last_test_history_mean", 9.87, "items", "mean history"),
    ]
    rows = [dict(zip(schemas.AUDIT.names, check, strict=True)) for check in checks]
    tables.write_rows(folder / "audit.parquet", rows, schemas.AUDIT)
    bins = [
        ("sequence_lengths", 2, 2, 7, 0.7),
        ("sequence_lengths", 3, 3, 3, 1.0),
        ("popularity", 1, 1, 12345, 0.4),
        ("popularity", 2, 2, 6789, 0.62),
        ("popularity", 3, 4, 8000, 1.0),
    ]
    rows = [dict(zip(schemas.DISTRIBUTIONS.names, bin_, strict=True)) for bin_ in bins]
    tables.write_rows(folder / "distributions.parquet", rows, schemas.DISTRIBUTIONS)
    llm = folder / wanted.llm.slug
    facts = {"architecture": "LlamaForCausalLM", "parameters": 654321, "hidden_size": 7}
    facts |= {"layers": 2, "vocabulary": 1024, "commit": None, "titles": N_ITEMS, "unspelled": 1}
    write_json(llm / "llm.json", facts)
    spelled = [
        {"item_id": i, "title": t, "spelled": "?" if i == 1 else t, "n_tokens": 5, "spells": i != 1}
        for i, t in titles.items()
    ]
    tables.write_rows(llm / "titles.parquet", spelled, schemas.TITLES)
    for name in wanted.encoders:
        for task, seed in product(wanted.adapter.tasks, wanted.recommenders.seeds):
            adapter = llm / "adapters" / name / task / "conv_linear" / f"seed{seed}"
            write_json(adapter / "config.json", {"shape": [HISTORY, 128], "hidden_size": 7})
        record = {"stage": "train_recommender", "settings": {}, "code": "", "seconds": 71.5}
        record |= {"finished": "2025-01-01T00:00:00+00:00", "machine": "Linux, 2 cores"}
        record |= {"versions": {"python": "3.11.2", "torch": "2.6.0"}}
        write_json(folder.parent / "logs" / folder.name / "train" / f"{name}.json", record)


def _rankings(folder: Path, wanted: Settings, examples: list[dict], rng) -> list[Path]:
    paths = []
    chosen = [e for e in examples if e["split"] != "train"]
    block = wanted.recommenders
    models = [(name, seed, 8) for name, seed in product(wanted.encoders, block.seeds)]
    models += [(name, None, 20) for name in block.baselines]
    for name, seed, mean_rank in models:
        paths.append(folder / "recommenders" / name / f"seed{seed}" / "ranking.parquet")
        ranks = np.minimum(rng.geometric(1 / mean_rank, len(chosen)), N_ITEMS)
        rows = [
            {k: e[k] for k in ("example_id", "user_id", "split")}
            | {"last": e["position"] == 13, "rank": int(r)}
            for e, r in zip(chosen, ranks, strict=True)
        ]
        about = {"recommender": name, "seed": seed}
        tables.write_rows(paths[-1], rows, schemas.RANKING, about)
    return paths


def _readings(folder: Path, wanted: Settings, tested: list[dict]) -> list[Path]:
    """Rankings of titles: the wanted one is first for every second user, 20th for the others.

    Of controls, and of preferences of untrained encoders, it is always the 20th.
    """
    paths = []
    for name, seed, task, source in product(
        wanted.encoders, wanted.recommenders.seeds, wanted.ranked, wanted.sources
    ):
        untrained = task == "preference" and name.startswith("untrained")
        reads = source == "recorded" and not untrained
        rows = [
            {k: e[k] for k in ("example_id", "user_id", "split")}
            | {"last": e["position"] == 13, "rank": 1 if reads and e["user_id"] % 2 else 20}
            for e in tested
        ]
        paths.append(folder / f"{name}.{seed}.{task}.{source}.ranking.parquet")
        about = {"recommender": name, "seed": seed, "task": task, "adapter": "conv_linear"}
        about |= {"source": source}
        tables.write_rows(paths[-1], rows, schemas.RANKING, about)
    return paths


def _oracles(folder: Path, wanted: Settings, tested: list[dict]) -> list[Path]:
    """Oracle items of DreamRec: those of every second user are near to what he has met."""
    paths = []
    for seed in wanted.recommenders.seeds if "dreamrec" in wanted.recommenders.names else ():
        rows = [
            {"example_id": e["example_id"], "user_id": e["user_id"], "last": e["position"] == 13}
            | {"item_id": 1, "cosine": 0.625, "seen": e["user_id"] % 2 == 0, "rank": 1 + 30 * seed}
            for e in tested
        ]
        paths.append(folder / "recommenders" / "dreamrec" / f"seed{seed}" / "oracle.parquet")
        about = {"recommender": "dreamrec", "seed": seed}
        tables.write_rows(paths[-1], rows, schemas.ORACLE_ITEMS, about)
    return paths


def _probes(folder: Path, wanted: Settings, tested: list[dict]) -> list[Path]:
    """Probes of all tasks: ridge is right for every user, the others for every second one."""
    paths = []
    block = wanted.recommenders
    for name, seed in product(block.names, block.seeds if wanted.bounds.decoders else ()):
        rows = []
        for decoder, task, e in product(wanted.bounds.decoders, wanted.adapter.tasks, tested):
            right = decoder == "ridge" or e["user_id"] % 2 == 0
            expected = len(e["history"]) if task == "recovery" else 1
            reply = {"hits": expected * right, "correct": right, "rank": None}
            if task == "preference":
                reply = {"hits": None, "correct": None, "rank": 1 if right else 20}
            rows.append(
                {"probe": decoder, "task": task, "expected": expected, "last": e["position"] == 13}
                | {"example_id": e["example_id"], "user_id": e["user_id"]}
                | reply
            )
        paths.append(folder / "recommenders" / name / f"seed{seed}" / "probes.parquet")
        about = {"recommender": name, "seed": seed}
        tables.write_rows(paths[-1], rows, schemas.PROBES, about)
    return paths


def _edits(folder: Path, wanted: Settings, tested: list[dict]) -> list[Path]:
    """Answers to edits: of every second user they follow and stay, of others as chance does."""
    block, path = wanted.recommenders, folder / "checked.parquet"
    rows = [
        {"recommender": name, "seed": seed, "task": task, "adapter": "conv_linear", "text": ""}
        | {"source": source, "example_id": e["example_id"], "user_id": e["user_id"]}
        | {"follows": float(e["user_id"] % 2), "follows_by_chance": 0.0}
        | {"stays": 1.0 if e["user_id"] % 2 else 0.25, "stays_by_chance": 0.25}
        for name, task, seed in product(wanted.encoders, FORMS, block.seeds)
        for source in wanted.edited_sources
        for e in tested
        if e["position"] == 13
    ]
    tables.write_rows(path, rows, schemas.EDIT_VERDICTS)
    return [path] if wanted.edits.kinds else []


def _consistencies(folder: Path, wanted: Settings, tested: list[dict]) -> list[Path]:
    """Decoded histories: half of the best items are shared, of another user's none."""
    paths = []
    for name, seed in product(wanted.recommenders.names, wanted.recommenders.seeds):
        rows = [
            {"adapter": "conv_linear", "source": source, "last": e["position"] == 13, "named": 1}
            | {"example_id": e["example_id"], "user_id": e["user_id"], "cosine": own / 4}
            | {"overlap": own / 2, "same_first": bool(own)}
            for source, own in (("recorded", 1), ("another_user", 0))
            for e in tested
        ]
        paths.append(folder / f"{name}.{seed}.consistency.parquet")
        facts = {"recommender": name, "seed": seed, "top": wanted.consistency.top}
        tables.write_rows(paths[-1], rows, schemas.CONSISTENCY, facts)
    return paths


def _judgements(llm: Path, wanted: Settings, dataset: str, tested: list[dict]) -> list[Path]:
    """Two judges: DreamRec's title is preferred by both, by the second one in two thirds."""
    if dataset not in wanted.judged:
        return []
    users = sorted({e["user_id"] for e in tested})
    offered = ["random", "sasrec", "dreamrec"]
    rows = [
        {"judge": judge, "case_id": user, "seed": seed, "adapter": "conv_linear", "user_id": user}
        | {"offered_by": offered, "rotation": rotation, "options": 3}
        | {"picked": offered[2 if judge == "careful" or rotation else 1], "place": 1 + rotation}
        | {"reply": "I would pick it"}
        for judge, seed, user, rotation in product(
            wanted.judge.models, wanted.recommenders.seeds, users, range(3)
        )
    ]
    path = llm / "judge" / "judgements.parquet"
    tables.write_rows(path, rows, schemas.JUDGEMENTS, {"judges": wanted.judge.models})
    return [path]


def _oracle_words(folder: Path, wanted: Settings, tested: list[dict]) -> list[Path]:
    """What is said of oracle items: of every fourth user it is no title, else the nearest's."""
    rows = []
    for seed in wanted.recommenders.seeds if "dreamrec" in wanted.recommenders.names else ():
        for e in tested:
            inside = e["user_id"] % 4 > 0
            rows.append(
                {"recommender": "dreamrec", "seed": seed, "task": "residual", "source": "oracle"}
                | {"adapter": "conv_linear", "example_id": e["example_id"]}
                | {"user_id": e["user_id"], "last": e["position"] == 13, "text": "said"}
                | {"expected": [1], "named": [1 if inside else 0], "spans": [0, 4]}
                | {"hits": int(inside), "correct": inside}
            )
    if not rows:
        return []
    path = folder / wanted.llm.slug / "oracle_verdicts.parquet"
    tables.write_rows(path, rows, schemas.VERDICTS)
    return [path]


def _answers(folder: Path, wanted: Settings, tested: list[dict], titles, rng) -> list[Path]:
    paths = []
    seeds = wanted.recommenders.seeds
    for name, task, seed, source in product(wanted.encoders, FORMS, seeds, wanted.sources):
        prefix, suffix = FORMS[task]
        skill = SKILL[source] * (0.8 if name == "gru4rec" else 1)
        rows = []
        for example in tested:
            asked = example["history"][-1:] if task == "residual" else example["history"]
            said = [
                titles[i if rng.random() < skill else int(rng.integers(1, N_ITEMS))] for i in asked
            ]
            said[-1] = said[-1] if rng.random() > 0.1 else "Film of the No <b>Sort</b>"
            text = f"{prefix}{', '.join(said)}{suffix}"
            rows.append(
                {"example_id": example["example_id"], "template": f"{task}-0"}
                | {"text": text, "n_new_tokens": 9, "finished": True}
            )
        paths.append(folder / f"{name}.{seed}.{task}.{source}.parquet")
        about = {"recommender": name, "seed": seed, "task": task, "source": source}
        about |= {"adapter": "conv_linear"}
        about |= {"answer_prefix": prefix, "answer_suffix": suffix}
        tables.write_rows(paths[-1], rows, schemas.ANSWERS, about)
    return paths
