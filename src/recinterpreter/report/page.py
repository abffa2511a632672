"""The page: views of the data sets through one template, self-contained, no script."""

from __future__ import annotations

import json
from pathlib import Path, PurePath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recinterpreter.experiment import Settings
from recinterpreter.report import paper
from recinterpreter.report.dataset import CAPACITY_NEEDED, read_dataset
from recinterpreter.report.scores import RECORDED, name_of
from recinterpreter.report.searches import setting

_TEMPLATES = Path(__file__).parent / "templates"
_MINUS = "−"


def render(settings: Settings, results: Path) -> str:
    """Return the page of all data sets of a configuration, read from the folder `results`.

    All text passes through autoescape; only our own figures are placed as they are.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": name_of,
        "percent": percent,
        "points": points,
        "number": number,
        "signed": signed,
        "amount": amount,
        "duration": duration,
        "probability": probability,
        "setting": setting,
    }
    return environment.get_template("page.html.j2").render(
        settings=settings,
        configuration=json.dumps(
            _without_folders(json.loads(settings.as_json())), indent=2, ensure_ascii=False
        ),
        datasets=[read_dataset(results, name, settings) for name in settings.datasets],
        paper=paper,
        needed=CAPACITY_NEEDED,
        recorded=RECORDED,
        level=f"{100 * settings.scores.confidence:g}\u00a0%",
    )


def percent(share: float) -> str:
    """Write a share with one decimal, in percent."""
    return f"{100 * share:.1f}"


def points(difference: float) -> str:
    """Write a difference of two shares with its sign, in percentage points."""
    return signed(100 * difference, 1)


def number(value: float, decimals: int = 3) -> str:
    """Write a number with so many decimals."""
    return f"{value:.{decimals}f}".replace("-", _MINUS)


def signed(value: float, decimals: int = 3) -> str:
    """Write a number with its sign."""
    return f"{value:+.{decimals}f}".replace("-", _MINUS)


def amount(value: float) -> str:
    """Write a count with thin spaces between thousands; decimals only where there are any."""
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    return text.replace(",", "\u202f")


def duration(seconds: float) -> str:
    """Write a duration in the unit that suits it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def probability(value: float) -> str:
    """Write a p-value as a comparison; scores hold ten decimals, so none is ever truly zero."""
    return "<\u00a00.001" if value < 0.001 else f"=\u00a0{value:.2g}"


def _without_folders(value: Any) -> Any:
    """Leave the last part of every absolute path: a page that is passed on tells no folders."""
    if isinstance(value, dict):
        return {key: _without_folders(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_folders(part) for part in value]
    if isinstance(value, str) and value.startswith(("/", "~")):
        return PurePath(value).name
    return value
