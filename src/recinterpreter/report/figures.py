"""Figures as SVG text, to stand inside the page: no scripts, no dates, text in the page's ink."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recinterpreter.report.scores import RECORDED, Score, name_of

# Okabe and Ito's palette, told apart by the colour-blind, in light and in dark
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_GREY = "#8a8a8a"
_MARKERS = "osD^vP"
_INK = "#010203"  # stands for the page's text colour until the SVG is placed in it
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
}

Dots = Sequence[tuple[str, Score]]
Bin = Mapping[str, Any]
_TICKS = 8  # on half the width of a figure


def controls_plot(name: str, groups: Mapping[str, Dots], label: str, percent: bool) -> Markup:
    """Draw one row per source of states, grouped by recommender: dot and interval.

    name: of the data set, without which two of them would share ids on a page; groups: label of a
    run -> (source, score), the recorded states first.
    """
    rows = sum(len(dots) for dots in groups.values()) + len(groups)
    with mpl.rc_context({**_STYLE, "svg.hashsalt": f"{label} of {name}"}):
        figure = Figure(figsize=(7.2, 0.24 * rows + 0.6), layout="constrained")
        axes = figure.add_subplot()
        scale = 100 if percent else 1
        ticks, labels, y = [], [], 0
        for group, dots in groups.items():
            beside = axes.get_yaxis_transform()
            axes.text(-0.01, y, group, transform=beside, ha="right", va="center", weight="bold")
            for source, score in dots:
                y += 1
                _dot(axes, y, score, scale, source == RECORDED)
                ticks.append(y)
                labels.append(name_of(source))
            y += 1
        axes.set_yticks(ticks, labels)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(y - 0.4, -0.6)
        axes.set_xlim(left=0)
        if percent:
            axes.set_xlim(0, 100)
        axes.grid(axis="x", color=_INK, alpha=0.12, linewidth=0.6)
        axes.set_xlabel(label)
        return _svg(figure, label)


def _dot(axes: Axes, y: float, score: Score, scale: float, main: bool) -> None:
    colour = PALETTE[0] if main else _GREY
    if score.low is not None and score.high is not None:
        ends = [score.low * scale, score.high * scale]
        axes.plot(ends, [y, y], color=colour, linewidth=1.6, solid_capstyle="round")
    marker, size = ("o", 6) if main else ("D", 4)
    value = [score.value * scale]
    axes.plot(value, [y], marker=marker, color=colour, markersize=size, clip_on=False, zorder=3)


def recovery_plot(
    name: str,
    lines: Mapping[str, Sequence[Score]],
    controls: Mapping[str, Sequence[Score]],
    popularity: Sequence[Score],
) -> Markup:
    """Draw Figure 4 of the paper: the share of answers that recover more than k items.

    name: of the data set; lines: label of a run -> the share for k = 0, 1, ...; controls: the same
    for a control state.
    """
    label = "share of answers (%)"
    with mpl.rc_context({**_STYLE, "svg.hashsalt": f"recovery of {name}"}):
        figure = Figure(figsize=(7.2, 3.7), layout="constrained")
        axes = figure.add_subplot()
        for i, (name, scores) in enumerate(lines.items()):
            # a colour that comes again comes with another marker
            again, place = divmod(i, len(PALETTE))
            colour, marker = PALETTE[place], _MARKERS[(place + again) % len(_MARKERS)]
            ks = range(len(scores))
            low = [100 * (s.value if s.low is None else s.low) for s in scores]
            high = [100 * (s.value if s.high is None else s.high) for s in scores]
            axes.fill_between(ks, low, high, color=colour, alpha=0.13, linewidth=0)
            _line(axes, scores, color=colour, marker=marker, linewidth=1.6, label=name)
            if name in controls:
                other = f"{name}, another user's state"
                _line(axes, controls[name], color=colour, linestyle=":", label=other)
        if popularity:
            grey = {"color": _GREY, "linestyle": "--", "marker": "x"}
            _line(axes, popularity, **grey, label="ten most popular")
        longest = max(map(len, (*lines.values(), popularity)), default=1)
        axes.set_xticks(range(longest), [f">{k}" for k in range(longest)])
        axes.set_ylim(0, 100)
        axes.grid(axis="y", color=_INK, alpha=0.12, linewidth=0.6)
        axes.set_xlabel("recovered items of the history")
        axes.set_ylabel(label)
        figure.legend(loc="outside upper left", ncols=2)
        return _svg(figure, "Share of answers that recover more than k items")


def _line(axes: Axes, scores: Sequence[Score], **style: Any) -> None:
    axes.plot([100 * s.value for s in scores], **{"markersize": 4.5, "linewidth": 1.3, **style})


def shape_plot(name: str, lengths: Sequence[Bin], popularity: Sequence[Bin]) -> Markup:
    """Draw how long the sequences of a data set are, and how much its popular items make up.

    name: of the data set; lengths, popularity: the bins of DISTRIBUTIONS, ascending.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": f"shape of {name}"}):
        figure = Figure(figsize=(7.2, 2.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        edges = [b["low"] for b in lengths] + [lengths[-1]["high"] + 1]
        left.stairs([b["count"] for b in lengths], edges, fill=True, color=PALETTE[0], alpha=0.85)
        left.set_xlabel("interactions of a user")
        left.set_ylabel("users")
        left.yaxis.set_major_formatter(_whole)
        _logarithmic(left, edges[0], edges[-1])
        ranks = [b["high"] for b in popularity]
        shares = [100 * b["share"] for b in popularity]
        right.plot(ranks, shares, color=PALETTE[1], marker="o", markersize=3, linewidth=1.6)
        right.set_ylim(0, 104)
        right.set_xlabel("most popular items")
        right.set_ylabel("share of all interactions (%)")
        _logarithmic(right, 1, ranks[-1])
        half = next(b for b in popularity if b["share"] >= 0.5)
        return _svg(
            figure,
            f"Left: users by their number of interactions, {_whole(edges[0])} to "
            f"{_whole(edges[-1] - 1)}. Right: share of all interactions with the most popular "
            f"items; {_whole(half['high'])} of {_whole(ranks[-1])} make up "
            f"{100 * half['share']:.0f} %.",
        )


def _logarithmic(axes: Axes, low: int, high: int) -> None:
    """Make an axis of counts logarithmic, with a few whole numbers on it however far it reaches."""
    powers = [10**k for k in range(len(str(high)))]
    for steps in ((1, 2, 3, 4, 5, 7, 15), (1, 2, 5), (1,)):
        ticks = sorted(n * power for power in powers for n in steps if low <= n * power <= high)
        if len(ticks) <= _TICKS:
            break
    axes.set_xscale("log")
    axes.set_xticks(ticks, [_whole(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="y", color=_INK, alpha=0.12, linewidth=0.6)
    axes.set_axisbelow(True)


def _whole(value: float, _: object = None) -> str:
    """Write a count with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\u202f")


def _svg(figure: Figure, label: str) -> Markup:
    """Return the figure as an inline SVG element, without what only a file of its own needs."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', text))
    text = re.sub(
        r' id="([^"]+)"', lambda found: found.group(0) if found.group(1) in used else "", text
    )
    text = re.sub(r' width="[^"]*pt"| height="[^"]*pt"', "", text, count=2)
    text = text.replace(_INK, "currentColor")
    # matplotlib escapes the text it writes; the label is ours, escaped all the same
    opening = f'<svg role="img" aria-label="{escape(label)}"'
    return Markup(text.replace("<svg", opening, 1))
