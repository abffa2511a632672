"""The work of one job shared among several: the same tables, and nothing else is different."""

import pytest

from recinterpreter.contents import MADE

pytestmark = pytest.mark.slow

TARGETS = ("states", "oracle", "answers", "judge", "--config")
FEW = (
    "recommenders={names: [sasrec, dreamrec], untrained: [], baselines: []}",
    "adapter={tasks: [residual]}",
)
ALONE = (*TARGETS, *FEW, "states={batch_size: 32}", "answers={batch_size: 3}")
SHARED = (
    *(*TARGETS, *FEW, "states={batch_size: 32, shards: 3}"),
    *("answers={batch_size: 3, shards: 3}", "judge={shards: 2}"),
)
PARTS = {
    **{"encode_states_part": 6, "gather_states": 2},
    **{"generate_oracle_items_part": 3, "gather_oracle_items": 1},
    **{"answer_part": 6, "gather_answers": 2},
    **{"answer_oracle_items_part": 3, "gather_oracle_answers": 1},
    **{"rank_titles_part": 6, "gather_rankings": 2},
    **{"ask_judges_part": 2, "gather_judgements": 1},
}


def test_jobs_that_share_the_work_make_the_same_tables(spoilable, contents):
    assert spoilable.stale(*ALONE) == {}
    results = spoilable.folder / "results"
    wanted = contents(results / "demo")
    stale = spoilable.stale(*SHARED)
    assert {rule: stale[rule] for rule in PARTS} == PARTS
    assert not {"train_recommender", "teach_language_model", "encode_states"} & {*stale}

    # nothing that is paid for is asked for again, whoever asks
    replies = {path.name: path.read_bytes() for path in (results / ".work").glob("judge-*.jsonl")}
    shared = spoilable.run(*SHARED)
    assert shared.returncode == 0, shared.stdout
    found = contents(results / "demo")
    assert {*found} == {*wanted}
    # notes and steps hold times
    timeless = [n for n in wanted if not n.endswith((MADE, "steps.parquet"))]
    assert [name for name in timeless if found[name] != wanted[name]] == []
    assert {
        path.name: path.read_bytes() for path in (results / ".work").glob("judge-*.jsonl")
    } == replies
    assert not [*results.rglob("*-of-*.parquet")]
    assert spoilable.stale(*SHARED) == {}

    # a setting makes the parts stale as it does the whole, and batch sizes do neither
    other = [text.replace("batch_size: 32", "precision: float16") for text in SHARED]
    assert {rule: spoilable.stale(*other)[rule] for rule in PARTS} == PARTS
    smaller = [text.replace("batch_size: 3", "batch_size: 2") for text in SHARED]
    assert smaller != [*SHARED]
    assert spoilable.stale(*smaller) == {}

    # what config.yaml says of a change: that it may be declared to be none
    touched = spoilable.run("--touch", *ALONE)
    assert touched.returncode == 0, touched.stdout
    assert spoilable.stale(*ALONE) == {}
