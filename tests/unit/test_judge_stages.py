"""From recommendations to judgements on a generated data set, over the real client."""

import csv
from pathlib import Path

import polars as pl
import pytest

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.scoring.judge import judge_scores
from recinterpreter.settings.data import DemoSource, Ingest, Titles
from recinterpreter.settings.evidence import JudgeCases, Judging, JudgingPace
from recinterpreter.settings.scores import Scores
from recinterpreter.shards import ALL
from recinterpreter.stages.ask_judges import ask_judges
from recinterpreter.stages.ingest_demo import ingest_demo
from recinterpreter.stages.make_judge_cases import make_judge_cases, words_of

USERS, ITEMS = 60, 60
PLANTED = ("items", "preferences", "successors")
PACE = JudgingPace(concurrency=8, attempts=2, backoff=0.01, timeout=20.0, most_requests=None)
SCORES = Scores(cutoffs=[10], confidence=0.95, resamples=200, seed=0, power=0.8, similarity=0.85)


@pytest.fixture(autouse=True)
def _unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one process be several runs: the lock of replies ends with its process."""
    monkeypatch.setattr("recinterpreter.stages.ask_judges.hold", lambda path, wait: True)


def judging(*models: str) -> Judging:
    return Judging(
        domain="movies", endpoint="planted", models=[*models], temperature=0.0, max_tokens=9
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """A small generated world, with a recommender that knows what follows, and a dreamer."""
    folder = tmp_path_factory.mktemp("demo")
    names = ("users", "interactions", *PLANTED)
    ingest_demo(
        settings=Ingest(
            reader=None,
            files=[],
            min_rating=None,
            titles=Titles(style="paper", allow_markup=False),
            source=DemoSource(items=ITEMS, users=USERS, seed=0),
        ),
        truth=folder / "truth.json",
        **{name: folder / f"{name}.parquet" for name in names},
    )
    events = pl.read_parquet(folder / "interactions.parquet").sort("user_id", "position")
    follows = pl.read_parquet(folder / "successors.parquet").sort("probability", descending=True)
    likely = dict(follows.group_by("item_id", maintain_order=True).agg("successor").iter_rows())
    titles = dict(pl.read_parquet(folder / "items.parquet")["item_id", "title"].iter_rows())
    examples, recommended, verdicts = [], [], []
    for user, rows in events.group_by("user_id", maintain_order=True):
        (number,), seen = user, rows["item_id"].to_list()
        *met, target = seen
        unmet = [item for item in [*likely[met[-1]], *titles] if item not in met]
        examples.append(
            {"example_id": number, "user_id": number, "position": len(met), "time": 0}
            | {"history": met[-10:], "target": target, "split": "test"}
        )
        ids = {"example_id": number, "user_id": number}
        recommended.append(ids | {"items": unmet[:10]})
        # dreams: of one user in three SASRec's item, of one something in words, of one nothing
        says = {0: titles[unmet[0]], 1: "The Film That Never Was", 2: ""}[number % 3]
        named = [unmet[0]] if number % 3 == 0 else [0] if says else []
        text = f"This user watched movie {says} in List2 but not in List1."
        verdicts.append(
            ids
            | {"recommender": "dreamrec", "seed": 0, "task": "residual", "adapter": "conv_linear"}
            | {"source": "oracle", "last": True, "expected": [target], "named": named, "hits": 0}
            | {"spans": [24, 24 + len(says)] if says else [], "correct": False, "text": text}
        )
    tables.write_rows(folder / "examples.parquet", examples, schemas.EXAMPLES, {"history": 10})
    about = {"recommender": "sasrec", "seed": 0}
    tables.write_rows(folder / "recommended.parquet", recommended, schemas.RECOMMENDED, about)
    tables.write_rows(folder / "oracle_verdicts.parquet", verdicts, schemas.VERDICTS)
    return folder


def make(demo: Path, out: Path, seed: int = 0, recommended: str = "recommended") -> list[dict]:
    make_judge_cases(
        settings=JudgeCases(seed=seed),
        **{n: demo / f"{n}.parquet" for n in ("items", "interactions", "examples")},
        recommended=[demo / f"{recommended}.parquet"],
        oracle_verdicts=demo / "oracle_verdicts.parquet",
        cases=out / "cases.parquet",
        sheet=out / "sheet.csv",
        key=out / "key.csv",
    )
    return tables.read(out / "cases.parquet", schemas.JUDGE_CASES).to_pylist()


def asked(
    demo: Path, out: Path, *models: str, shard: str = ALL, most: int | None = None
) -> pl.DataFrame:
    ask_judges(
        settings=judging(*models),
        pace=PACE.model_copy(update={"most_requests": most}),
        cases=out / "cases.parquet",
        planted=[demo / f"{name}.parquet" for name in PLANTED],
        replies=str(out / "replies.jsonl"),
        judgements=out / "judgements.parquet",
        shard=shard,
    )
    found = pl.from_arrow(tables.read(out / "judgements.parquet", schemas.JUDGEMENTS))
    assert isinstance(found, pl.DataFrame)
    return found


def test_cases_offer_what_each_source_would(demo, tmp_path):
    cases = make(demo, tmp_path)
    assert [case["case_id"] for case in cases] == list(range(1, USERS + 1))
    titles = dict(pl.read_parquet(demo / "items.parquet")["item_id", "title"].iter_rows())
    best = {
        row["example_id"]: titles[row["items"][0]]
        for row in tables.read(demo / "recommended.parquet", schemas.RECOMMENDED).to_pylist()
    }
    events = pl.read_parquet(demo / "interactions.parquet").sort("user_id", "position")
    seen = dict(events.group_by("user_id").agg("item_id").iter_rows())
    for case in cases:
        named = dict(zip(case["offered_by"], case["titles"], strict=True))
        met = [titles[item] for item in seen[case["user_id"]][:-1]]
        assert case["history"] == met[-10:]
        # nor the namesake of a film that was met; the catalogue holds some
        assert named["random"] not in met
        if case["user_id"] % 3 == 0:
            assert named.pop("sasrec+dreamrec") == best[case["example_id"]]
        else:
            assert named.pop("sasrec") == best[case["example_id"]]
        if case["user_id"] % 3 == 1:
            assert named.pop("dreamrec") == "The Film That Never Was"
        assert set(named) == {"random"}
    rows = list(csv.DictReader((tmp_path / "sheet.csv").open(encoding="utf-8")))
    assert len(rows) == USERS


def test_the_same_seed_makes_the_same_bytes_and_another_one_others(demo, tmp_path):
    made = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        make(demo, tmp_path / name, seed)
        made.append([file.read_bytes() for file in sorted((tmp_path / name).iterdir())])
    assert made[0] == made[1]
    assert all(one != other for one, other in zip(made[0], made[2], strict=True))


def test_recommendations_of_another_seed_are_refused(demo, tmp_path):
    rows = tables.read(demo / "recommended.parquet", schemas.RECOMMENDED)
    tables.write(demo / "other.parquet", rows, schemas.RECOMMENDED, {"seed": 5})
    with pytest.raises(UserError, match="for seed 0; delete them"):
        make(demo, tmp_path, recommended="other")


@pytest.mark.parametrize(
    ("named", "spans", "words"),
    [
        ([2], [0, 3], "Two"),
        ([0], [4, 9], "never"),
        ([0, 2], [4, 9, 11, 14], "never, two"),
        ([2, 1], [0, 3, 4, 9], "say never"),
        ([], [], ""),
    ],
)
def test_a_title_outside_the_catalogue_is_the_answers_own_words(named, spans, words):
    verdict = {"named": named, "spans": spans, "text": "say never, two"}
    assert words_of(verdict, {1: "One", 2: "Two"}) == words


def test_planted_judges_prefer_recommenders_to_chance_and_bias_shows(demo, tmp_path):
    make(demo, tmp_path)
    found = asked(demo, tmp_path, "careful", "hasty")
    # three titles in three rotations for a third of the users, two in two for the others
    assert len(found) == 2 * (USERS // 3) * (3 + 2 + 2)
    assert (found["picked"] != "unclear").all()
    scores = {
        (row["source"], row["recommender"], row["metric"]): row
        for row in judge_scores(found, SCORES)
    }
    for judge in ("careful", "hasty"):
        assert scores[judge, "sasrec", "preferred minus random"]["low"] > 0.2
    assert scores["careful", "random", "preferred"]["value"] < 0.2
    place = scores["hasty", "judge", "place 1"]
    assert place["low"] <= 0.3 + 0.7 / 3 <= place["high"]
    assert scores["careful", "judge", "place 1"]["value"] == pytest.approx(1 / 3, abs=0.01)
    noted = tables.metadata(tmp_path / "judgements.parquet")
    assert noted["judges"] == ["careful", "hasty"]
    assert noted["endpoint"].startswith("planted ")
    assert "127.0.0.1" not in str(noted)


def test_judged_again_gives_the_same_bytes_without_a_question(demo, tmp_path, monkeypatch):
    make(demo, tmp_path)
    asked(demo, tmp_path, "careful")
    first = (tmp_path / "judgements.parquet").read_bytes()
    kept = (tmp_path / "replies.jsonl").read_bytes()
    monkeypatch.setattr("openai.AsyncOpenAI", None)  # whoever asks fails
    with pytest.raises(TypeError):
        asked(demo, tmp_path, "careful", "hasty")
    (tmp_path / "judgements.parquet").unlink()
    asked(demo, tmp_path, "careful")
    assert (tmp_path / "judgements.parquet").read_bytes() == first
    assert (tmp_path / "replies.jsonl").read_bytes() == kept


def test_jobs_that_share_the_questions_ask_none_twice(demo, tmp_path, monkeypatch):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    for folder in (alone, shared):
        folder.mkdir()
        cases = make(demo, folder)
        # word for word the same questions, as another seed or adapter may make them
        twice = [*cases, *({**case, "case_id": case["case_id"] + 1000} for case in cases[:9])]
        tables.write_rows(folder / "cases.parquet", twice, schemas.JUDGE_CASES)
    whole = asked(demo, alone, "careful", "hasty")
    (shared / "replies-of-another.jsonl").write_text("of a data set with a longer name")
    parts = [asked(demo, shared, "careful", "hasty", shard=f"{i}-of-3") for i in (3, 1, 2)]
    assert sum(map(len, parts)) == len(whole)
    kept = [shared / f"replies.{i}-of-3.jsonl" for i in (1, 2, 3)]
    sizes = [len(path.read_text().splitlines()) for path in kept]
    assert sum(sizes) == len((alone / "replies.jsonl").read_text().splitlines())
    assert max(sizes) - min(sizes) <= 1
    monkeypatch.setattr("openai.AsyncOpenAI", None)  # whoever asks fails
    assert asked(demo, shared, "careful", "hasty").equals(whole)
    gathered, wanted = (folder / "judgements.parquet" for folder in (shared, alone))
    assert gathered.read_bytes() == wanted.read_bytes()
    # shared out otherwise, nothing is asked again either
    parts = [asked(demo, shared, "careful", shard=f"{i}-of-2") for i in (1, 2)]
    assert sum(map(len, parts)) == (whole["judge"] == "careful").sum()


def test_jobs_that_share_the_questions_share_the_budget(demo, tmp_path):
    make(demo, tmp_path)
    for number, budget in ((1, 2), (2, 2), (3, 3)):
        with pytest.raises(UserError, match=f"all {budget} requests of judge.most_requests"):
            asked(demo, tmp_path, "careful", shard=f"{number}-of-3", most=7)
    kept = [path.read_text().splitlines() for path in tmp_path.glob("replies.*.jsonl")]
    assert sum(map(len, kept)) == 7


def test_the_planted_endpoint_wants_what_was_planted(demo, tmp_path):
    make(demo, tmp_path)
    with pytest.raises(UserError, match="got 0 files; wanted items, preferences and successors"):
        ask_judges(
            settings=judging("careful"),
            pace=PACE,
            cases=tmp_path / "cases.parquet",
            planted=[],
            replies=str(tmp_path / "r.jsonl"),
            judgements=tmp_path / "j.parquet",
        )
