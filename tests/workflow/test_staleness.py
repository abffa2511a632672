"""A change makes stale what depends on it, and nothing else."""

import os

import pytest

pytestmark = pytest.mark.slow

SCORED = {"compute_scores": 1, "test_artefacts": 1, "write_report": 1}
JUDGED = {"give_verdicts": 1, "check_edits": 1, **SCORED}
NAMED = {"name_oracle_items": 1, "make_judge_cases": 1, "ask_judges": 1}
ANSWERED = {
    "answer": 10,
    "answer_oracle_items": 1,
    **NAMED,
    "measure_consistency": 5,
    **JUDGED,
}
RECOMMENDER = {
    "train_recommender": 5,
    "rank_recommender": 5,
    "recommend_items": 5,
    "encode_states": 5,
    "select_states": 5,
    "generate_oracle_items": 1,
    "encode_edits": 5,
    "probe_states": 5,
    "train_adapter": 15,
    "rank_titles": 10,
    **ANSWERED,
}
# what belongs to one of the five, DreamRec's dreams apart
ONE = {rule: count // 5 for rule, count in RECOMMENDER.items() if count >= 5} | JUDGED
DREAMS = {"generate_oracle_items": 1, "answer_oracle_items": 1, **NAMED}


@pytest.mark.parametrize(
    ("given", "stale"),
    [
        ("report={title: another}", {"write_report": 1}),
        (
            "scores={resamples: 200}",
            SCORED,
        ),
        ("recommenders={gru4rec: {patience: 9}}", ONE),
        ("recommenders={dreamrec: {guidance: 3}}", ONE | DREAMS),
        # a grid that is not searched is read by nothing but the page
        ("recommenders={search: {trials: 3}}", {"write_report": 1}),
        ("recommenders={seeds: [0, 1]}", RECOMMENDER),
        (
            "answers={max_new_tokens: {residual: 9}}",
            {"answer": 5, "answer_oracle_items": 1, **NAMED, **JUDGED},
        ),
        # what is no longer wanted makes nothing stale but what counted it
        ("answers={rank_titles: []}", SCORED),
        ("answers={decoding: catalogue}", ANSWERED),
        (
            "edits={seed: 1}",
            {
                "edit_histories": 1,
                "encode_edits": 5,
                **{rule: n for rule, n in ANSWERED.items() if rule not in DREAMS},
            },
        ),
        ("consistency={top: 3}", {"measure_consistency": 5, **SCORED}),
        ("bounds={epochs: 1}", {"probe_states": 5, **SCORED}),
        ("bounds={decoders: []}", SCORED),
        ("judge={seed: 1}", {"make_judge_cases": 1, "ask_judges": 1, **SCORED}),
        ("judge={models: [hasty]}", {"ask_judges": 1, **SCORED}),
        ("judge={endpoint: null}", SCORED),
        # no reply depends on it
        ("judge={concurrency: 2}", {"write_report": 1}),
        # the sizes of a kind that is not trained
        ("adapter={mlp: {hidden: 9}}", {"write_report": 1}),
        ("adapter={epochs: 2}", {"train_adapter": 15, "rank_titles": 10, **ANSWERED}),
        (
            "answers={seed: 1}",
            {
                "select_states": 5,
                "generate_oracle_items": 1,
                "probe_states": 5,
                "rank_titles": 10,
                **ANSWERED,
            },
        ),
        (
            "llm={embedded: {noise: 0.123}}",
            {
                "teach_language_model": 1,
                "check_language_model": 1,
                "train_adapter": 15,
                "rank_titles": 10,
                **ANSWERED,
            },
        ),
        (
            "llm={precision: bfloat16}",
            {
                "check_language_model": 1,
                "train_adapter": 15,
                "rank_titles": 10,
                **ANSWERED,
            },
        ),
        # what no result depends on; the page shows the whole configuration
        ("llm={allow_pickle: true}", {"write_report": 1}),
        ("states={precision: float16}", {**RECOMMENDER, "train_recommender": 0}),
    ],
)
def test_a_setting_makes_stale_what_reads_it(finished, given, stale):
    found = finished.stale("--config", given)
    # the page shows the whole configuration, so it is written again whatever changes
    if given.startswith("states="):
        of_states = {"train_recommender", "rank_recommender", "recommend_items"}
        stale = {rule: n for rule, n in stale.items() if rule not in of_states}
    assert found == stale


def test_all_of_the_data_is_stale_when_the_split_changes(finished):
    found = finished.stale("--config", "split={history: 5}")
    assert found["split_examples"] == found["audit_data"] == 1
    assert found["rank_baseline"] == 4
    # the language model reads the catalogue alone
    assert not {"ingest_demo", "teach_language_model", "check_language_model"} & set(found)


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("report/page.py", '"""', '"""In other words. ', {}),
        ("report/page.py", "\nimport ", "\n# said\nimport ", {}),
        ("report/page.py", "\nimport ", "\nX = 1\nimport ", {"write_report": 1}),
        ("recommenders/gru4rec.py", '"""', '"""In other words. ', {}),
    ],
)
def test_code_makes_stale_what_runs_it_and_words_do_not(finished, file, old, new, stale):
    source = finished.folder / "src" / "recinterpreter" / file
    before = source.read_text(encoding="utf-8")
    assert old in before
    try:
        source.write_text(before.replace(old, new, 1), encoding="utf-8")
        assert finished.stale() == stale
    finally:
        source.write_text(before, encoding="utf-8")
    assert finished.stale() == {}


def test_code_behind_the_first_import_counts(finished):
    source = finished.folder / "src" / "recinterpreter" / "recommenders" / "gru4rec.py"
    before = source.read_text(encoding="utf-8")
    try:
        source.write_text(before + "\nX = 1\n", encoding="utf-8")
        assert finished.stale() == RECOMMENDER
    finally:
        source.write_text(before, encoding="utf-8")


def test_a_template_is_code_too(finished):
    template = next((finished.folder / "src/recinterpreter/report/templates").glob("*.j2"))
    before = template.read_text(encoding="utf-8")
    try:
        template.write_text(before + "<!-- more -->", encoding="utf-8")
        assert finished.stale() == {"write_report": 1}
    finally:
        template.write_text(before, encoding="utf-8")


def test_a_date_is_no_content(finished):
    for file in (finished.folder / "results" / "demo").rglob("*"):
        if file.is_file():
            os.utime(file)
    assert finished.stale() == {}


def test_a_lost_file_is_made_again_and_nothing_else(spoilable, contents):
    demo = spoilable.folder / "results" / "demo"
    before = contents(demo)
    (demo / "embedded" / "scores.parquet").unlink()
    target = "results/demo/embedded/scores.parquet"
    assert spoilable.stale(target) == {"compute_scores": 1}
    assert spoilable.run(target).returncode == 0
    assert contents(demo) == before
    # what was made of it before is as good as it was, also in another folder
    assert spoilable.stale() == {}


def test_a_table_that_is_missing_is_made_again(spoilable):
    for table in ("recommenders/sasrec/seed0/ranking.parquet", "embedded/scores.parquet"):
        (spoilable.folder / "results/demo" / table).unlink()
    stale = spoilable.stale()
    assert (stale["rank_recommender"], stale["compute_scores"]) == (1, 1)
    assert "train_recommender" not in stale
