"""A sheet for human raters, who see what judges see, and the key to it in a file of its own."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recinterpreter.judge.prompts import quoted

_LETTERS = "ABC"


def sheet_and_key(cases: Sequence[Mapping[str, Any]], seed: int) -> tuple[str, str]:
    """Return both as CSV; cases (rows of JUDGE_CASES) are numbered in an order drawn by the seed.

    The sheet tells nothing of who offers a title. Titles are in quotation marks, as in prompts, so
    that no spreadsheet takes one for a formula.
    """
    sheet = [["case", "history", *(f"option {letter}" for letter in _LETTERS), "choice"]]
    key = [["case", "case_id", *(f"option {letter}" for letter in _LETTERS)]]
    for number, place in enumerate(np.random.default_rng(seed).permutation(len(cases)), start=1):
        case = cases[int(place)]
        history = ", ".join(map(quoted, case["history"]))
        sheet.append([str(number), history, *_filled(map(quoted, case["titles"])), ""])
        key.append([str(number), str(case["case_id"]), *_filled(case["offered_by"])])
    return _csv(sheet), _csv(key)


def _filled(cells: Any) -> list[str]:
    return [*cells, "", "", ""][: len(_LETTERS)]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
