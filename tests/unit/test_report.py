"""The page, from tables that the scoring stages make of a synthetic experiment."""

import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_tables import EVIL, make_results, settings

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.experiment import Settings
from recinterpreter.language_model.adapter import WANTED_CAPACITY
from recinterpreter.report.cases import Piece, marked
from recinterpreter.report.dataset import CAPACITY_NEEDED
from recinterpreter.report.page import amount, duration, probability, render
from recinterpreter.stages.write_report import write_report


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "results"
    make_results(folder, settings())
    return folder


@pytest.fixture(scope="module")
def page(results) -> str:
    return render(settings(), results)


class Tags(HTMLParser):
    """Collects tags, attributes, and what was opened and never closed."""

    VOID = frozenset(("meta", "br", "link", "img", "hr", "input"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another tag"


def test_the_page_is_self_contained(page):
    parsed = Tags(page)
    assert parsed.open == []
    assert not {"script", "link", "iframe", "img", "object"} & {tag for tag, _ in parsed.tags}
    for tag, attributes in parsed.tags:
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert attributes.get(name, "#").startswith("#"), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert "@import" not in page
    assert re.search(r"url\((?!#)", page) is None
    assert "http://" not in page
    assert "https://" not in page


def test_ids_are_unique_and_links_inside_the_page_lead_somewhere(page):
    attributes = [a for _, a in Tags(page).tags]
    ids = [a["id"] for a in attributes if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in attributes if "href" in a} <= set(ids)


def test_two_data_sets_share_no_id(results, tmp_path):
    for name in ("demo", "ml-100k"):
        shutil.copytree(results / "demo", tmp_path / name)
    config = json.loads(settings().as_json())
    config["data"]["sources"] = ["demo", "ml-100k"]
    both = render(Settings.model_validate_json(json.dumps(config)), tmp_path)
    ids = [a["id"] for _, a in Tags(both).tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_titles_and_answers_are_text_never_markup(page):
    assert "<script" not in page
    assert "<b>Sort" not in page
    assert html.escape(EVIL).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page


def test_the_same_tables_give_the_same_bytes(page, results, tmp_path):
    assert render(settings(), results) == page
    out = tmp_path / "index.html"
    write_report(settings=settings(), results=str(results), tables=[], page=out)
    assert out.read_text(encoding="utf-8") == page


def score(results: Path, **key) -> dict:
    rows = tables.read(results / "demo/embedded/scores.parquet", schemas.SCORES).to_pylist()
    (row,) = [r for r in rows if all(r[k] == v for k, v in key.items())]
    return row


def test_headline_numbers_are_those_of_the_tables(page, results):
    text = " ".join(re.sub(r"<[^>]+>", " ", page).replace("&nbsp;", " ").split())
    for name in ("sasrec", "gru4rec"):
        row = score(
            results,
            recommender=name,
            task="residual",
            source="recorded",
            evaluation="last",
            metric="accuracy",
        )
        assert 0.4 < row["value"] < 0.9
        shown = f"names it in {100 * row['value']:.1f} % of {row['n']} answers"
        assert shown in text
        interval = f"{100 * row['low']:.1f}–{100 * row['high']:.1f}"
        assert interval in text
    gain = score(results, recommender="sasrec", evaluation="last", metric="ndcg@10", task=None)
    assert f"{gain['value']:.3f}" in text
    # two recommenders, three tasks: on the cards alone these are twelve
    assert text.count("✓ yes") > 12
    assert "654 321 parameters" in text
    assert "cannot spell 1 of 60 titles" in text
    assert "3 min 34 s of work in all" in text
    assert "12.3 % of the training interactions are later" in text


def test_numbers_are_read_and_not_computed(results, tmp_path):
    """A score changed in its table changes on the page, whatever the verdicts would say."""
    copy = tmp_path / "results"
    make_results(copy, settings())
    path = copy / "demo/embedded/scores.parquet"
    rows = tables.read(path, schemas.SCORES).to_pylist()
    for row in rows:
        if row["metric"] == "accuracy" and row["source"] == "recorded":
            row["value"] = 0.12345
        if row["metric"] in ("reads the state", "reads what was learned", "follows the edits"):
            row["value"] = 0.0
    tables.write_rows(path, rows, schemas.SCORES)
    page = render(settings(), copy)
    assert "names it in 12.3&nbsp;%" in page
    assert "✓ yes" not in page
    before = render(settings(), results)
    badges = before.count("✓ yes") + before.count("✗ not shown")
    assert page.count("✗ not shown") == badges


def rows_of(page: str, heading: str) -> list[list[str]]:
    """Words in the cells of the first table below a heading."""
    table = page[page.index(heading) :].partition("</table>")[0]
    return [
        [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in row.split("<td")[1:]]
        for row in table.split("<tr")[2:]
    ]


def test_the_shape_of_a_data_set_is_drawn_and_told(page):
    (drawn,) = [a for tag, a in Tags(page).tags if tag == "svg" and "Left" in a["aria-label"]]
    assert drawn["role"] == "img"
    assert drawn["aria-label"] == (
        "Left: users by their number of interactions, 2 to 3. Right: share of all interactions "
        "with the most popular items; 2 of 4 make up 62 %."
    )


def test_bounds_stand_beside_what_the_llm_reads(page, results, tmp_path):
    rows = {row[0]: row[1:] for row in rows_of(page, "how much is in the vector")}
    scores = tables.read(results / "demo/embedded/scores.parquet", schemas.SCORES).to_pylist()
    found = {
        row["metric"]: row["value"]
        for row in scores
        if (row["recommender"], row["task"], row["source"]) == ("sasrec", "residual", "recorded")
        and row["evaluation"] == "last"
    }
    llm, linear, ridge, nearest, best, efficiency = rows[
        next(key for key in rows if "Residual, accuracy: SASRec, last" in key)
    ]
    assert f"{100 * found['accuracy']:.1f} %" in html.unescape(llm).replace("\xa0", " ")
    assert "50.0" in linear
    assert "50.0" in nearest
    assert "100.0" in ridge
    assert ridge == best
    assert f"{100 * found['efficiency accuracy']:.1f}" in efficiency
    assert len(rows) == 4 * 3 * 2, (
        "metrics of the tasks, recommenders and one untrained, last and all"
    )
    without = settings()
    without = without.model_copy(
        update={"bounds": without.bounds.model_copy(update={"decoders": []})}
    )
    make_results(tmp_path, without)
    assert "how much is in the vector" not in render(without, tmp_path)


def judged(endpoint: str, seeds: tuple[int, ...] = (0,)) -> Settings:
    wanted = settings(seeds=seeds, names=("sasrec", "dreamrec"))
    judge = wanted.judge.model_copy(update={"endpoint": endpoint, "models": ["careful", "hasty"]})
    return wanted.model_copy(update={"judge": judge})


def test_judgements_stand_beside_table_3(tmp_path):
    wanted = judged("planted")
    make_results(tmp_path, wanted)
    page = render(wanted, tmp_path)
    Tags(page)
    careful, hasty, ml, steam = rows_of(page, "Judged: whose title")
    assert "careful" in careful[0]
    for cell, value in zip(careful[2:6], ("0.0", "0.0", "100.0", "0.0"), strict=True):
        assert f"{value}&nbsp;%" in cell
    assert "66.7&nbsp;% 66.7–66.7" in hasty[4]
    assert "Table 3, MovieLens-100K" in ml[0]
    for cell, value in zip(ml[2:5], ("13.7", "35.8", "50.5"), strict=True):
        assert f"{value}&nbsp;%" in cell
    assert "0.15, not significant" in ml[-1]
    assert "not significant" in steam[-1]
    assert "The judges here are planted" in page
    assert "kappa with hasty" in page
    assert "The judges here are planted" not in render(judged("http://localhost:8000/v1"), tmp_path)


def test_judged_seeds_are_told_apart(tmp_path):
    wanted = judged("planted", seeds=(0, 3))
    make_results(tmp_path, wanted)
    page = render(wanted, tmp_path)
    lines = rows_of(page, "Judged: whose title")
    assert ["seed 3" in line[1] for line in lines[:4]] == [False, False, True, True]
    alone = judged("planted").model_copy(update={"recommenders": settings().recommenders})
    assert alone.judged == []


def test_where_nothing_is_judged_nothing_is_said_of_it(page):
    assert "Judged: whose title" not in page


def test_with_several_seeds_a_recommender_is_ranked_once(tmp_path):
    wanted = settings(seeds=(0, 3))
    make_results(tmp_path, wanted)
    page = render(wanted, tmp_path)
    assert "means over 2 seeds" in page
    lines = rows_of(page, "How well the recommenders rank")
    block = wanted.recommenders
    names = [
        "SASRec",
        "GRU4Rec",
        "SASRec, untrained",
        "Popularity",
        "First-order Markov",
        "Decayed Markov",
        "EASE",
    ]
    assert [line[0].rpartition(">")[2].strip() for line in lines] == names
    for line, name in zip(lines, [*wanted.encoders, *block.baselines], strict=True):
        key = {"recommender": name, "seed": None, "task": None, "evaluation": "last"}
        mean = score(tmp_path, **key, metric="ndcg@10")
        assert f"{mean['value']:.3f} {mean['low']:.3f}–{mean['high']:.3f}" in " ".join(line)
        trained = name in wanted.encoders
        assert mean["n_seeds"] == (2 if trained else 0)
        assert sum("sd" in cell for cell in line) == (6 if trained else 0)
        if trained:
            deviation = score(tmp_path, **key, metric="ndcg@10 sd over seeds")
            assert f"sd {deviation['value']:.3f}" in " ".join(line)
    # answers are those of adapters, one for each seed
    residual = [line[0] for line in rows_of(page, "Residual: which item")]
    assert [words.rpartition(">")[2].strip() for words in residual] == [
        f"{name}, seed {seed}" for name in ("SASRec", "GRU4Rec") for seed in (0, 3)
    ]


def searched(folder: Path) -> Settings:
    """Write the trials of a search that has chosen a recipe for SASRec."""
    config = json.loads(settings().as_json())
    config["recommenders"]["search"]["names"] = ["sasrec"]
    rows = [
        {"trial": f"embedding_size={width}", "embedding_size": width, "l2": 1e-5}
        | {"validation ndcg@10": figure, "validation hr@10": 0.3, "validation hr@20": 0.4}
        | {"best_epoch": 7, "epochs": 12, "seconds": 75.0, "chosen": width == 256}
        for width, figure in ((256, 0.234), (16, 0.123))
    ]
    path = folder / "demo" / "recommenders" / "sasrec" / "search" / "trials.parquet"
    noted = {"recommender": "sasrec", "keys": ["embedding_size", "l2"], "chosen_by": "ndcg@10"}
    noted["recipe"] = {"embedding_size": 64, "l2": 0.0, "layers": 3}
    tables.write_rows(path, rows, schemas.trials_schema({"embedding_size": 1, "l2": 0.1}), noted)
    return Settings.model_validate_json(json.dumps(config))


def test_a_search_shows_its_trials_and_what_it_chose(page, tmp_path):
    make_results(tmp_path, settings())
    found = render(searched(tmp_path), tmp_path)
    assert Tags(found).open == []
    chosen, other = rows_of(found, "Recipes that were searched")
    shown = [cell.rpartition(">")[2].strip() for cell in chosen]
    figures = ["256", "1e-05", "0.234", "0.300", "0.400", "7 of 12", "1 min 15 s"]
    assert shown == ["chosen by NDCG@10", *figures]
    assert [cell.rpartition(">")[2].strip() for cell in other][:4] == [
        *("trial", "16", "1e-05", "0.123")
    ]
    assert "embedding size 64, l2 0, layers 3" in " ".join(found.split())
    assert "Recipes that were searched" not in page


def test_oracle_items_are_shown_seed_by_seed_where_there_are_any(page, tmp_path):
    wanted = settings(seeds=(0, 1), names=("dreamrec",))
    make_results(tmp_path, wanted)
    found = render(wanted, tmp_path)
    assert Tags(found).open == []
    lines = rows_of(found, "Oracle items")
    shown = [
        [" ".join(re.sub("<[^>]*>", "", f"<td{cell}").split()) for cell in line] for line in lines
    ]
    assert [cells[:2] for cells in shown] == [
        [f"DreamRec, seed {seed}, {words}", count]
        for seed in (0, 1)
        for words, count in (("last", "60"), ("all answered", "780"))
    ]
    for cells, hit in zip(shown, ("1.000", "1.000", "0.000", "0.000"), strict=True):
        assert cells[2].startswith("0.62 0.62–0.62")
        assert cells[3].replace("&nbsp;", " ").startswith("50.0 %")
        assert cells[4].startswith(hit)
    assert "Oracle items" not in page


def test_readings_stand_beside_the_recommenders_own_rankings_where_asked_for(page, tmp_path):
    wanted = settings(rank_titles=("residual",))
    make_results(tmp_path, wanted)
    found = render(wanted, tmp_path)
    assert Tags(found).open == []
    lines = rows_of(found, "Residual, as a ranking of all titles")
    shown = [
        [" ".join(re.sub("<[^>]*>", "", f"<td{cell}").split()) for cell in line] for line in lines
    ]
    assert [cells[:2] for cells in shown] == [
        [f"{name}, {what}", "60"]
        for name in ("SASRec", "GRU4Rec")
        for what in ("last item by the LLM", "next item by itself")
    ]
    cutoffs = wanted.scores.cutoffs
    metrics = [f"{metric}@{k}" for metric in ("hr", "ndcg") for k in cutoffs]
    kinds = {"the LLM": {"task": "residual", "source": "recorded"}, "itself": {"task": None}}
    for cells, recommender in zip(shown, ("sasrec", "sasrec", "gru4rec", "gru4rec"), strict=True):
        kind = kinds[cells[0].rpartition(" by ")[2]] | {"recommender": recommender, "seed": 0}
        for cell, metric in zip(cells[2:], metrics, strict=True):
            row = score(tmp_path, **kind, evaluation="last", metric=metric)
            assert cell == f"{row['value']:.3f} {row['low']:.3f}–{row['high']:.3f}"
    # first for every second user
    assert shown[0][2 + metrics.index("hr@10")].startswith("0.500")
    assert "as a ranking of all titles" not in page


def cells_of(page: str, heading: str) -> list[list[str]]:
    """Words in the cells of the first table below a heading, without their attributes."""
    rows = rows_of(page, heading)
    return [[" ".join(re.sub("<[^>]*>", "", f"<td{c}").split()) for c in row] for row in rows]


def as_share(row: dict) -> str:
    low, high = 100 * row["low"], 100 * row["high"]
    return f"{100 * row['value']:.1f}&nbsp;% {low:.1f}–{high:.1f}"


def test_what_is_named_is_told_by_popularity_and_place(page, results):
    lines = {cells[0]: cells[1:] for cells in cells_of(page, "Which items are named")}
    metrics = ["popular", "middling", "rare", "pairs in order", "at their place"]
    for label, name in (("SASRec", "sasrec"), ("GRU4Rec", "gru4rec")):
        key = {"recommender": name, "task": "recovery", "evaluation": "all"}
        for source, words in (("recorded", ""), ("another_user", ", another user&#39;s state")):
            shown = lines[f"{label}, recovery{words}"]
            for cell, metric in zip(shown, metrics, strict=True):
                metric = metric if " " in metric else f"recovered, {metric}"
                assert cell == as_share(score(results, **key, source=source, metric=metric))
        rare = score(
            results, **(key | {"task": "residual"}), source="recorded", metric="accuracy, rare"
        )
        assert lines[f"{label}, residual"][2] == as_share(rare)
        assert lines[f"{label}, residual"][3] == "–", "one item has no order"
        late = cells_of(page, "Recovered by place in the history")
        (own,) = [cells for cells in late if cells[0] == label]
        third = score(results, **key, source="recorded", metric="recovered, 3 from the end")
        assert own[3] == as_share(third)
        assert len(own) == 11


def test_recommenders_are_tested_with_holms_correction(page, results):
    (words,) = [
        cells
        for cells in cells_of(page, "Recommenders on the same last examples")
        if cells[0] == "SASRec minus GRU4Rec"
    ]
    key = {"recommender": "sasrec", "evaluation": "last", "task": "residual", "seed": 0}
    for cell, test in zip(words[2:], ("mcnemar", "holm"), strict=True):
        p = score(results, **key, metric=f"{test} p, gru4rec")
        assert html.unescape(cell) == probability(p["value"]).replace("\u00a0", " ")
    lines = {cells[0]: cells for cells in cells_of(page, "How sure are the differences?")}
    least = score(results, **key, metric="detectable difference")
    assert lines["SASRec"][2:4] == [str(least["n"]), f"{100 * least['value']:.1f}"]
    papers = score(results, **key, metric="detectable difference at the paper's n")
    assert lines["SASRec"][4] == f"{100 * papers['value']:.1f}"


def test_means_over_seeds_of_answers_stand_by_themselves(page, tmp_path):
    wanted = settings(seeds=(0, 3))
    make_results(tmp_path, wanted)
    found = render(wanted, tmp_path)
    assert Tags(found).open == []
    lines = {cells[0]: cells for cells in cells_of(found, "Means over 2 seeds, taken example")}
    assert set(lines) == {f"{n}, {t}" for n in ("SASRec", "GRU4Rec") for t in wanted.adapter.tasks}
    key = {"recommender": "sasrec", "seed": None, "evaluation": "last", "source": "recorded"}
    mean = score(tmp_path, **key, task="residual", metric="accuracy")
    assert mean["n_seeds"] == 2
    assert lines["SASRec, residual"][1] == as_share(mean)
    deviation = score(tmp_path, **key, task="residual", metric="accuracy sd over seeds")
    assert lines["SASRec, residual"][2] == f"{100 * deviation['value']:.1f} points"
    assert lines["SASRec, residual"][4] == "✓ yes"
    assert "taken example by example" not in page


def test_legacy_stands_beside_ours(page, results):
    titles = {cells[0]: cells[1:] for cells in cells_of(page, "How titles are matched")}
    lost = score(results, recommender="catalogue", metric="legacy, lost")["value"]
    within = score(results, recommender="catalogue", metric="legacy, in others")["value"]
    assert titles == {"ours": ["0", "0", "–"], "legacy": [f"{lost:.0f}", f"{within:.0f}", "0"]}
    assert lost > 0, "the brackets of the evil title are no part of what its pattern finds"
    second = page[page.index("How titles are matched") :].partition("</table>")[2]
    lines = {cells[0]: cells[1:] for cells in cells_of(second, "<div")}
    key = {"recommender": "sasrec", "task": "residual", "evaluation": "all", "source": "recorded"}
    for cell, metric in zip(
        lines["SASRec, residual"],
        ("accuracy", "legacy accuracy", None, "out of catalogue", "fuzzy"),
        strict=True,
    ):
        if metric:
            assert cell == as_share(score(results, **key, metric=metric))


def test_the_papers_differences_are_tested_and_the_weak_ones_called_so(page):
    lines = {cells[0]: cells[1:] for cells in cells_of(page, "The paper's own differences")}
    assert len(lines) == 6
    best = lines["MovieLens-100K: DreamRec, SASRec"]
    assert (best[0], best[3], best[5], best[7]) == ("95", "+4.2", "= 0.28", "not significant")
    assert lines["Steam: Caser, SASRec"][7] == "not significant"
    assert [cells[7] for cells in lines.values()].count("yes") == 4
    assert "cannot tell them apart (Fisher's exact p&nbsp;=\u00a00.28)" in page


def test_edits_and_decoded_histories_are_shown_beside_chance(page, tmp_path):
    for task in ("residual", "recovery"):
        lines = rows_of(page, f"<tr><th>{task}, all edits")
        assert len(lines) == 2
        for line in lines:
            assert "n = 240 and 240" in line[0]
            shown = [cell.partition(">")[2].replace("&nbsp;", " ").strip() for cell in line[1:]]
            assert [words.split(" %")[0] for words in shown[:4]] == ["50.0", "0.0", "62.5", "25.0"]
            assert shown[4] == "✓ yes"
    kinds = [line[0].partition(">")[2] for line in rows_of(page, "Each kind of edit by itself")]
    assert kinds == [
        f"{name}, {kind}"
        for name in ("SASRec", "GRU4Rec")
        for kind in ("drop", "swap", "replace", "append")
    ]
    for line in rows_of(page, "Does the recommender know the decoded history"):
        shown = [cell.partition(">")[2].replace("&nbsp;", " ").strip() for cell in line[1:]]
        values = [words.split(" ")[0] for words in shown]
        assert values == ["0.25", "0.00", "50.0", "0.0", "100.0", "0.0", "0.0"]
    config = json.loads(settings().as_json())
    config["edits"]["kinds"] = []
    without = Settings.model_validate_json(json.dumps(config))
    make_results(tmp_path, without)
    assert "does the text follow" not in render(without, tmp_path)


def test_one_seed_is_no_mean(page):
    assert "sd over seeds" not in page
    assert "means over" not in page


def test_where_one_is_left_out_the_last_examples_are_all(tmp_path):
    wanted = settings(unit="leave-one-out")
    make_results(tmp_path, wanted)
    page = render(wanted, tmp_path)
    assert Tags(page).open == []
    assert "All test examples" not in page
    assert "all answered" not in page
    assert "Validation examples" in page
    assert "every test user was trained on" in page


def test_capacity_below_what_is_needed_is_said(page):
    # 128 * 7 / 60 = 14.9, below 20
    assert "14.9" in page
    assert "below 20" in page
    assert CAPACITY_NEEDED == WANTED_CAPACITY


def test_the_papers_table_stands_beside_its_own_data_only(page, tmp_path):
    assert "52.63" not in page
    config = json.loads(settings().as_json())
    config["data"]["sources"] = ["ml-100k"]
    wanted = Settings.model_validate_json(json.dumps(config))
    make_results(tmp_path, wanted, "ml-100k")
    other = render(wanted, tmp_path)
    for figure in ("52.63", "78.95", "93.68", "97.89", "74.74"):
        assert figure in other


def test_a_missing_table_is_named(results, tmp_path):
    with pytest.raises(UserError, match=r"scores\.parquet"):
        render(settings(), tmp_path)


def test_an_answer_is_cut_at_its_titles():
    text = "saw A, A, B, C."
    pieces = marked(text, [1, 1, 2, 0], [4, 5, 7, 8, 10, 11, 13, 14], [1])
    assert "".join(p.text for p in pieces) == text
    kinds = [p.kind for p in pieces if p.kind != "plain"]
    assert kinds == ["hit", "again", "wrong", "outside"]
    assert pieces[0] == Piece("saw ", "plain")


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(3.21, "3.2 s"), (59.99, "60.0 s"), (143, "2 min 23 s"), (3700, "1 h 01 min")],
)
def test_durations(seconds, wanted):
    assert duration(seconds) == wanted


def test_amounts():
    assert amount(100000.0) == "100\u202f000"
    assert amount(9.987) == "9.99"


def test_a_small_probability_is_never_zero():
    assert probability(0.0) == "<\u00a00.001"
    assert probability(0.0312) == "=\u00a00.031"


def test_the_page_tells_no_folders_of_the_machine(results):
    config = json.loads(settings().as_json())
    config["data"]["ml-100k"]["path"] = "/home/someone/data/ml-100k.zip"
    page = render(Settings.model_validate_json(json.dumps(config)), results)
    assert "someone" not in page
    assert "ml-100k.zip" in page
