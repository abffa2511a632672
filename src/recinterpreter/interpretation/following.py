"""Follow a training to its end: one dense line now and then, and the figures of every epoch."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from recinterpreter.curves import Curves
from recinterpreter.interpretation.course import Report
from recinterpreter.ticker import Ticker

logger = logging.getLogger("recinterpreter")


def follow(reports: Iterator[Report], total: int, peak: float, curves: Curves) -> list[Report]:
    """Run a training to its end with one progress line; return the reports of its epochs.

    peak: operations a second of which a large matrix product is capable here.
    """
    finished: list[Report] = []
    ticker, first = None, None
    for report in reports:
        if report.validation is not None:
            finished.append(report)
            curves.add(report.step, **{"validation accuracy": report.validation})
            continue
        # from the first step taken here: those of an earlier run must not count in the rates
        ticker, first = ticker or Ticker("step", total, report.step - 1), first or report
        seconds = max(report.seconds - first.seconds, 1e-9)
        learned = {"loss": report.loss, "accuracy": report.accuracy}
        curves.add(report.step, **learned)
        if finished:
            learned["validation"] = finished[-1].validation or 0.0
        ticker.tick(
            report.step,
            **learned,
            **{
                "samples/s": (report.samples - first.samples) / seconds,
                "tokens/s": (report.tokens - first.tokens) / seconds,
                "% of peak": 100 * (report.operations - first.operations) / seconds / peak,
            },
        )
    curves.close()
    kept = finished[-1].best_epoch
    logger.info(
        "validation accuracy %.3f, of epoch %d of %d",
        *(finished[kept - 1].validation, kept, len(finished)),
    )
    return finished


def rows_of(report: Report) -> list[dict[str, Any]]:
    """Spread the report of an epoch over rows of STEPS."""
    place = {"step": report.step, "epoch": report.epoch, "seconds": report.seconds}
    values = {
        "loss": report.loss,
        "accuracy": report.accuracy,
        "validation accuracy": report.validation,
        "validation loss": report.validation_loss,
    }
    return [{**place, "metric": metric, "value": value} for metric, value in values.items()]
