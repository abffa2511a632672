"""One naming, one hit; a residual answer is right when it names the last item and nothing else."""

import pyarrow as pa
import pytest

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.scoring.matcher import AnswerForm, Catalogue
from recinterpreter.scoring.verdicts import expected_items, judge
from recinterpreter.stages.give_verdicts import give_verdicts

TITLES = {1: "Alien", 2: "Aliens", 3: "Ghost", 4: "ghost", 5: "Heat", 6: "<script>x</script>"}
CATALOGUE = Catalogue(TITLES)
FORM = AnswerForm("This user has watched ", " in the previous.")


def verdict(expected: list[int], body: str):
    return judge(CATALOGUE, expected, CATALOGUE.find(FORM.prefix + body + FORM.suffix, FORM))


def test_recovery_expects_the_history_and_residual_its_last_item():
    assert expected_items("recovery", [3, 1, 2]) == [3, 1, 2]
    assert expected_items("residual", [3, 1, 2]) == [2]
    with pytest.raises(UserError, match="wanted recovery or residual"):
        expected_items("dreaming", [1])


@pytest.mark.parametrize(
    ("body", "hits", "correct", "named"),
    [
        ("Alien, Heat", 2, True, [1, 5]),
        ("Heat, Alien", 2, True, [5, 1]),
        ("Alien, Heat, Ghost", 2, False, [1, 5, 3]),
        ("Alien, Alien", 1, False, [1, 1]),
        ("Aliens, Heat", 1, False, [2, 5]),
        ("Alien, Nothing of the kind", 1, False, [1, 0]),
        ("", 0, False, []),
    ],
)
def test_recovery_of_two(body, hits, correct, named):
    got = verdict([1, 5], body)
    assert (got.hits, got.correct, got.named) == (hits, correct, named)
    assert len(got.spans) == 2 * len(named)


def test_any_bearer_of_a_title_is_hit_and_each_needs_its_own_naming():
    assert verdict([4], "Ghost").named == [4]
    assert verdict([4], "Ghost").correct
    assert verdict([3, 4], "Ghost").hits == 1
    assert verdict([3, 4], "Ghost, Ghost").correct
    # an item that stands in the history twice is written twice in the target text
    assert verdict([5, 5], "Heat").hits == 1
    assert verdict([5, 5], "Heat, Heat").correct


@pytest.mark.parametrize(
    ("body", "correct"),
    [
        ("Heat", True),
        ("heat", True),
        ("Heat, Heat", False),
        ("Heat, Alien", False),
        ("Heat Two", False),
        ("Aliens", False),
        ("", False),
        ("Heat, ", True),
    ],
)
def test_residual_is_right_only_when_it_names_just_that_title(body, correct):
    assert verdict([5], body).correct is correct


def test_the_stage_judges_every_answer(tmp_path):
    paths = {name: tmp_path / f"{name}.parquet" for name in ("items", "examples", "out")}
    tables.write_rows(
        paths["items"],
        [
            {"item_id": i, "source_id": str(i), "raw_title": t, "title": t}
            for i, t in TITLES.items()
        ],
        schemas.ITEMS,
    )
    examples = [
        (1, 1, 1, [1], "train"),
        (2, 2, 1, [1, 5], "test"),
        (3, 2, 2, [1, 5, 6], "test"),
    ]
    tables.write_rows(
        paths["examples"],
        [
            {"example_id": e, "user_id": u, "position": p, "history": h, "target": 2, "time": 0}
            | {"split": split}
            for e, u, p, h, split in examples
        ],
        schemas.EXAMPLES,
    )
    cell = {"recommender": "sasrec", "seed": 0, "adapter": "conv_linear", "source": "recorded"}
    forms = {"answer_prefix": FORM.prefix, "answer_suffix": FORM.suffix}
    answers = []
    for task, text in (("recovery", "Heat, Alien"), ("residual", "<script>x</script>")):
        answers.append(tmp_path / f"{task}.parquet")
        rows = [
            {"example_id": e, "template": task, "text": FORM.prefix + text + FORM.suffix}
            | {"n_new_tokens": 5, "finished": True}
            for e in (2, 3)
        ]
        tables.write_rows(answers[-1], rows, schemas.ANSWERS, {**cell, "task": task, **forms})
    give_verdicts(
        items=paths["items"], examples=paths["examples"], answers=answers, verdicts=paths["out"]
    )
    rows = tables.read(paths["out"], schemas.VERDICTS).to_pylist()
    assert [(r["task"], r["example_id"], r["hits"], r["correct"], r["last"]) for r in rows] == [
        ("recovery", 2, 2, True, False),
        ("recovery", 3, 2, False, True),
        ("residual", 2, 0, False, False),
        ("residual", 3, 1, True, True),
    ]
    start, end = rows[3]["spans"]
    assert rows[3]["text"][start:end] == "<script>x</script>"

    foreign = pa.Table.from_pylist(
        [{"example_id": 1, "template": "", "text": "", "n_new_tokens": 0, "finished": True}],
        schema=schemas.ANSWERS,
    )
    tables.write(answers[0], foreign, schemas.ANSWERS, {**cell, "task": "recovery", **forms})
    with pytest.raises(UserError, match="not in the test split"):
        give_verdicts(
            items=paths["items"], examples=paths["examples"], answers=answers, verdicts=paths["out"]
        )
