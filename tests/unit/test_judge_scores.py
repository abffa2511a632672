"""Scores of judgements whose every number can be told by hand, and of judges of a known bias."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import cohen_kappa_score

from recinterpreter.scoring.judge import TABLE_3, judge_scores, published_judgements
from recinterpreter.settings.scores import Scores

SETTINGS = Scores(cutoffs=[10], confidence=0.95, resamples=400, seed=0, power=0.8, similarity=0.85)
SOURCES = ["random", "sasrec", "dreamrec"]


def judged(judge: str, picks: list[list[str]], offered: list[list[str]] | None = None):
    """A row per rotation; picks: for each case what is picked in each rotation."""
    rows = []
    for case, answers in enumerate(picks):
        owners = offered[case] if offered else SOURCES
        for rotation, picked in enumerate(answers):
            order = owners[rotation:] + owners[:rotation]
            rows.append(
                {"judge": judge, "case_id": case + 1, "seed": 0, "adapter": "conv_linear"}
                | {"user_id": case + 1, "offered_by": owners, "rotation": rotation}
                | {"options": len(owners), "picked": picked, "reply": ""}
                | {"place": order.index(picked) + 1 if picked in order else 0}
            )
    return pl.DataFrame(rows)


def scored(*tables: pl.DataFrame) -> dict[tuple, dict]:
    rows = list(judge_scores(pl.concat(tables), SETTINGS))
    found = {(row["source"], row["recommender"], row["metric"]): row for row in rows}
    assert len(found) == len(rows), "a score stands twice"
    return found


def test_a_case_is_one_unit_and_its_rotations_are_averaged():
    found = scored(judged("a", [["dreamrec", "dreamrec", "sasrec"], ["random"] * 3]))
    preferred = {name: found["a", name, "preferred"] for name in SOURCES}
    assert [preferred[name]["value"] for name in SOURCES] == pytest.approx([1 / 2, 1 / 6, 1 / 3])
    assert {row["n"] for row in preferred.values()} == {2}
    assert found["a", "dreamrec", "preferred minus random"]["value"] == pytest.approx(-1 / 6)
    assert found["a", "dreamrec", "preferred minus sasrec"]["value"] == pytest.approx(1 / 6)
    assert found["a", "judge", "consistent"]["value"] == 0.5
    assert found["a", "judge", "unclear"]["value"] == 0.0


def test_shared_titles_count_half_and_silence_cannot_be_preferred():
    offered = [["sasrec+dreamrec", "random"], ["random", "sasrec"], SOURCES]
    picks = [["sasrec+dreamrec"] * 2, ["sasrec"] * 2, ["unclear", "dreamrec", "dreamrec"]]
    found = scored(judged("a", picks, offered))
    shares = [found["a", name, "preferred"]["value"] for name in SOURCES]
    assert shares == pytest.approx([0, 1.5 / 3, (0.5 + 2 / 3) / 3])
    assert found["a", "judge", "unclear"]["value"] == pytest.approx(1 / 9)
    assert found["a", "judge", "same title"]["value"] == pytest.approx(1 / 3)
    assert found["a", "judge", "no oracle title"]["value"] == pytest.approx(1 / 3)
    # of places, only questions with three titles and a clear reply tell
    assert found["a", "judge", "place 1"]["n"] == 2


def test_nothing_but_unclear_replies_is_told_too():
    found = scored(judged("a", [["unclear"] * 3] * 4))
    assert found["a", "judge", "unclear"]["value"] == 1.0
    assert found["a", "sasrec", "preferred"]["value"] == 0.0
    assert ("a", "judge", "place 1") not in found


def biased(judge: str, bias: float, cases: int, seed: int) -> pl.DataFrame:
    """A judge of fixed tastes who takes the first title in a share of the questions."""
    rng = np.random.default_rng(seed)
    picks = []
    for _ in range(cases):
        taste = SOURCES[rng.choice(3, p=[0.1, 0.4, 0.5])]
        picks.append([SOURCES[r] if rng.random() < bias else taste for r in range(3)])
    return judged(judge, picks)


@pytest.mark.parametrize("bias", [0.0, 0.2, 0.5])
def test_a_planted_bias_lies_in_its_interval_and_preferences_survive_it(bias):
    found = scored(biased("a", bias, 400, seed=1))
    first = found["a", "judge", "place 1"]
    wanted = bias + (1 - bias) / 3
    assert first["low"] <= wanted <= first["high"]
    assert first["high"] - first["low"] < 0.1
    rest = [found["a", "judge", f"place {k}"]["value"] for k in (2, 3)]
    assert first["value"] + sum(rest) == pytest.approx(1)
    # bias is cancelled by the rotations: it only draws all shares towards a third
    for name, taste in zip(SOURCES, [0.1, 0.4, 0.5], strict=True):
        row = found["a", name, "preferred"]
        assert row["low"] <= bias / 3 + (1 - bias) * taste <= row["high"]


def test_intervals_hold_the_planted_bias_as_often_as_they_say():
    held = 0
    for seed in range(40):
        first = scored(biased("a", 0.3, 60, seed))["a", "judge", "place 1"]
        held += first["low"] <= 0.3 + 0.7 / 3 <= first["high"]
    assert held >= 34  # 95 % of 40, less what chance allows (one in a thousand)


def test_agreement_is_cohens_kappa_of_the_cases_verdicts():
    one, two = biased("a", 0.1, 80, seed=2), biased("b", 0.1, 80, seed=3)
    found = scored(one, two, judged("c", [["sasrec"] * 3] * 80))
    said = []
    for table in (one, two):
        cases = table.group_by("case_id", maintain_order=True).agg("picked")["picked"].to_list()
        verdict = [max(set(c), key=c.count) if len(set(c)) < 3 else "unclear" for c in cases]
        said.append(verdict)
    kappa = found["a", "judge", "kappa with b"]
    assert kappa["value"] == pytest.approx(cohen_kappa_score(*said))
    assert kappa["low"] < kappa["value"] < kappa["high"]
    same = np.mean([a == b for a, b in zip(*said, strict=True)])
    assert found["a", "judge", "agreement with b"]["value"] == pytest.approx(same)
    assert found["b", "judge", "kappa with c"]["value"] == pytest.approx(0.0)
    assert ("b", "judge", "kappa with a") not in found


def test_kappa_of_two_who_always_say_the_same_is_left_out():
    always = [["sasrec"] * 3] * 5
    found = scored(judged("a", always), judged("b", always))
    assert found["a", "judge", "agreement with b"]["value"] == 1.0
    assert ("a", "judge", "kappa with b") not in found


def test_the_papers_shares_are_counts_and_its_difference_is_not_significant():
    shares = {"ml-100k": [13.68, 35.79, 50.53], "steam": [0.76, 51.15, 48.09]}
    for dataset, (n, counts) in TABLE_3.items():
        assert [round(100 * counts[name] / n, 2) for name in SOURCES] == shares[dataset]
        assert sum(counts.values()) == n
    rows = list(published_judgements(SETTINGS))
    p = {r["evaluation"]: r["value"] for r in rows if r["metric"] == "sign p, sasrec"}
    assert p["paper, ml-100k"] == pytest.approx(0.15, abs=0.01)
    assert p["paper, steam"] > 0.7
