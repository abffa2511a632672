"""Settings of the scores and of the page."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recinterpreter.settings.sections import Count, Section, Whole


class Scores(Section):
    """How answers and rankings are scored."""

    cutoffs: Annotated[list[Count], Field(min_length=1)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    resamples: Annotated[int, Field(ge=100)]
    seed: Whole
    power: Annotated[float, Field(gt=0.5, lt=1)]
    similarity: Annotated[float, Field(gt=0.5, lt=1)]

    @property
    def verdict_cutoff(self) -> int:
        """The k of the NDCG@k that verdicts rest on: 10, or the largest there is."""
        return 10 if 10 in self.cutoffs else max(self.cutoffs)


class Report(Section):
    """What the page shows."""

    title: str
    cases: Whole
