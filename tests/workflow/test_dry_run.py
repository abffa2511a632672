"""What would run: as shipped, with presets, with own data and an own LLM; and what is refused."""

import pytest

CHAIN = {
    "split_examples": 1,
    "audit_data": 1,
    "train_recommender": 5,
    "rank_recommender": 5,
    "recommend_items": 5,
    "rank_baseline": 4,
    "encode_states": 5,
    "select_states": 5,
    "probe_states": 5,
    "generate_oracle_items": 1,
    "edit_histories": 1,
    "encode_edits": 5,
    "teach_language_model": 1,
    "check_language_model": 1,
    "train_adapter": 15,
    "answer": 10,
    "rank_titles": 5,
    "answer_oracle_items": 1,
    "name_oracle_items": 1,
    "give_verdicts": 1,
    "check_edits": 1,
    "measure_consistency": 5,
    "compute_scores": 1,
    "test_artefacts": 1,
    "write_report": 1,
}
# of the demo alone, whose judges are planted
JUDGES = {"make_judge_cases": 1, "ask_judges": 1}
INGESTED = {"check_source": 1, "ingest_source": 1}
PRESET = "workflow/presets/ml-100k.yaml"


def test_as_shipped_the_demo_runs(fresh):
    assert fresh.stale() == {"ingest_demo": 1, **CHAIN, **JUDGES}


def test_movielens_is_downloaded(fresh):
    stale = fresh.stale("--configfile", PRESET)
    assert stale == {"download_source": 1, **INGESTED, **CHAIN}


def test_movielens_is_read_from_a_path_given_on_the_command_line(fresh):
    folder = fresh.folder / "ml"
    folder.mkdir()
    for name in ("u.data", "u.item"):
        (folder / name).touch()
    stale = fresh.stale("--configfile", PRESET, "--config", "data={ml-100k: {path: ml}}")
    assert stale == {**INGESTED, **CHAIN}


def test_the_real_movielens_is_accepted(fresh, shared_data):
    path = shared_data / "movielens" / "ml-100k"
    stale = fresh.stale("--configfile", PRESET, "--config", f"data={{ml-100k: {{path: {path}}}}}")
    assert stale == {**INGESTED, **CHAIN}


def test_steam_is_downloaded_or_read_from_a_folder(fresh):
    ingested = {**INGESTED, **CHAIN}
    assert fresh.stale("--config", "data={sources: [steam]}") == {"download_source": 2, **ingested}
    folder = fresh.folder / "own"
    folder.mkdir()
    for name in ("steam_games.json.gz", "steam_reviews.json.gz"):
        (folder / name).touch()
    given = ("--config", "data={sources: [steam], steam: {path: own}}")
    assert fresh.stale(*given) == ingested


def test_several_data_sets_run_side_by_side(fresh):
    for name in ("e.csv", "i.csv"):
        (fresh.folder / name).touch()
    own = "events: {name: mine, events: e.csv, items: i.csv}"
    stale = fresh.stale("--config", f"data={{sources: [demo, ml-100k, events], {own}}}")
    ingested = {"ingest_demo": 1, "download_source": 1, "check_source": 2, "ingest_source": 2}
    once = ingested | {"write_report": 1} | JUDGES
    assert stale == {**{rule: 3 * count for rule, count in CHAIN.items()}, **once}


def test_an_own_llm_is_not_taught_and_its_files_count(fresh):
    folder = fresh.folder / "models" / "tiny llama"
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).touch()
    given = ("--config", "llm={source: './models/tiny llama'}")
    stale = fresh.stale(*given)
    assert "teach_language_model" not in stale
    assert stale["train_adapter"] == 15
    titles = "results/demo/tiny--llama/titles.parquet"
    assert "check_language_model" in fresh.stale(titles, *given)


def test_a_hub_id_is_taken_as_it_is(fresh):
    given = ("--config", "llm={source: org/model, revision: abc}")
    assert "check_language_model" in fresh.stale("results/demo/org--model@abc/llm.json", *given)


def test_more_seeds_more_jobs(fresh):
    stale = fresh.stale("--config", "recommenders={seeds: [0, 1, 2]}")
    assert (stale["train_recommender"], stale["train_adapter"]) == (15, 45)
    assert stale["generate_oracle_items"] == 3
    assert stale["rank_baseline"] == 4


def test_titles_are_ranked_where_that_is_wanted(fresh):
    stale = fresh.stale("--config", "answers={rank_titles: [residual]}")
    assert stale == {"ingest_demo": 1, **CHAIN, **JUDGES, "rank_titles": 10}


def test_states_are_probed_where_decoders_are_named(fresh):
    assert "probe_states" not in fresh.stale("--config", "bounds={decoders: []}")


def test_jobs_that_share_the_work_are_followed_by_one_that_joins_their_parts(fresh):
    shards = ("states={shards: 3}", "answers={shards: 4}", "judge={shards: 2}")
    stale = fresh.stale("--config", *shards)
    counts = {"encode_states": (3, "states"), "generate_oracle_items": (3, "oracle_items")}
    counts |= {"answer": (4, "answers"), "answer_oracle_items": (4, "oracle_answers")}
    counts |= {"rank_titles": (4, "rankings"), "ask_judges": (2, "judgements")}
    wanted = {"ingest_demo": 1, **CHAIN, **JUDGES}
    for rule, (jobs, made) in counts.items():
        whole = wanted.pop(rule)
        wanted |= {f"{rule}_part": jobs * whole, f"gather_{made}": whole}
    assert stale == wanted
    # any single part can be asked for
    part = "results/demo/states/sasrec/seed0.2-of-3.parquet"
    assert fresh.stale(part, "--config", *shards)["encode_states_part"] == 1


def test_oracle_items_are_made_of_dreamrec_and_of_no_other(fresh):
    without = "recommenders={names: [gru4rec, caser, sasrec]}"
    assert "generate_oracle_items" not in fresh.stale("--config", without)
    run = fresh.run("oracle", "--dry-run", "--config", without)
    assert run.returncode != 0
    assert "wanted dreamrec among them" in run.stdout
    data = {"ingest_demo": 1, "split_examples": 1}
    made = {"train_recommender": 1, "generate_oracle_items": 1, "oracle": 1}
    assert fresh.stale("oracle") == {**data, **made}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("judge={endpoint: null}", "judge.endpoint is None"),
        ("recommenders={names: [sasrec]}", "recommenders.names must hold sasrec and dreamrec"),
    ],
)
def test_to_ask_for_judges_where_nothing_can_be_judged_is_refused(fresh, given, told):
    run = fresh.run("judge", "--dry-run", "--config", given)
    assert run.returncode != 0
    assert told in run.stdout


def test_another_endpoint_judges_any_data_set_and_a_sheet_needs_none(fresh):
    given = ("--configfile", PRESET, "--config", "judge={endpoint: 'http://127.0.0.1:1/v1'}")
    stale = fresh.stale(*given)
    assert {rule: stale[rule] for rule in JUDGES} == JUDGES
    assert "ingest_demo" not in stale
    sheet = fresh.stale("results/ml-100k/embedded/judge/sheet.csv", "--configfile", PRESET)
    assert "make_judge_cases" in sheet
    assert "ask_judges" not in sheet


def test_the_planted_endpoint_judges_the_demo_alone(fresh):
    target = "results/ml-100k/embedded/judge/judgements.parquet"
    run = fresh.run(target, "--dry-run", "--config", "judge={endpoint: planted}")
    assert run.returncode != 0
    assert "planted, which knows the demo alone" in run.stdout


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("recommenders={sasrec: {embeding_size: 3}}", "did you mean 'embedding_size'?"),
        ("recommenders={sasrec: {learning_rate: 1e-3}}", 'got "1e-3"; wanted a number'),
        (
            "recommenders={sasrec: {embedding_size: -1}}",
            "got -1; wanted greater than or equal to 2",
        ),
        ("data={sources: [ml-100k], ml-100k: {path: ./none}}", "./none: no such file; wanted"),
        ("data={sources: [events]}", "data.events.events: got null"),
        ("answers={shards: 100000}", "got 100000; wanted less than or equal to 1000"),
        ("llm={source: ./none}", "llm.source: ./none: no such folder"),
    ],
)
def test_what_cannot_run_is_refused_before_any_job(fresh, given, told):
    run = fresh.run("--config", given)
    assert run.returncode != 0
    assert told in run.stdout
    assert "Traceback" not in run.stdout
    assert not (fresh.folder / "results").exists()
