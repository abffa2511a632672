"""The blocks of config.yaml, typed. There are no defaults here: config.yaml is the one place
that holds them, presets overlay it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from recinterpreter.search import Search
from recinterpreter.settings.adapters import (
    AdapterKind,
    MLPSizes,
    Preferred,
    QFormerSizes,
    SoftTokensSizes,
    Standardise,
    Task,
)
from recinterpreter.settings.answers import Control, Decoding
from recinterpreter.settings.evidence import Decoder, JudgeEndpoint, JudgeName, JudgingPace
from recinterpreter.settings.language_model import EmbeddedLLM, Precision, Weights
from recinterpreter.settings.recommenders import (
    BaselineName,
    CaserRecipe,
    DreamRecRecipe,
    GRU4RecRecipe,
    RecommenderName,
    SASRecRecipe,
    States,
)
from recinterpreter.settings.sections import (
    Count,
    NotNegative,
    Positive,
    Section,
    Share,
    Slug,
    Whole,
)

# More would be more jobs than Snakemake plans in minutes, each too short to be worth its start.
Jobs = Annotated[int, Field(ge=1, le=1000)]


class OutsideFiles(Section):
    """Files of a recommender made elsewhere; those that are not named are not there."""

    states: Annotated[str, Field(min_length=1)]
    items: str | None = None
    recommended: str | None = None
    oracle: str | None = None


class Recommenders(Section):
    """Which recommenders are trained, and how; and those that were made elsewhere."""

    names: list[RecommenderName]
    untrained: list[RecommenderName]
    outside: dict[Slug, OutsideFiles]
    baselines: list[BaselineName]
    seeds: Annotated[list[Whole], Field(min_length=1)]
    gru4rec: GRU4RecRecipe
    caser: CaserRecipe
    sasrec: SASRecRecipe
    dreamrec: DreamRecRecipe
    search: Search


class StoredStates(States):
    """How hidden states are stored, how many are encoded at a time, and by how many jobs."""

    batch_size: Count
    shards: Jobs


class LLM(Section):
    """Which frozen language model reads the states."""

    source: Annotated[str, Field(min_length=1)]
    revision: str | None
    precision: Precision
    weights: Weights
    spread: bool
    allow_pickle: bool
    embedded: EmbeddedLLM

    @property
    def slug(self) -> str:
        """Its folder under results/{dataset}/."""
        name = self.source.rstrip("/")
        if name.startswith((".", "/", "~")):
            name = name.rsplit("/", 1)[-1]
        name = f"{name}@{self.revision}" if self.revision else name
        return re.sub(r"[^A-Za-z0-9_.@-]+", "--", name)


class ExamplesPerEpoch(Section):
    """How many training examples an epoch draws, per task; null draws all of them."""

    recovery: Count | None
    residual: Count | None
    preference: Count | None


class Adapter(Section):
    """How an adapter is trained through the frozen LLM."""

    kinds: Annotated[list[AdapterKind], Field(min_length=1)]
    mlp: MLPSizes
    soft_tokens: SoftTokensSizes
    q_former: QFormerSizes
    tasks: Annotated[list[Task], Field(min_length=1)]
    preferred: Preferred
    standardise: Standardise
    closed_form_start: bool
    warm_start_steps: Whole
    epochs: Count
    patience: Count | None
    averaging: Share
    examples_per_epoch: ExamplesPerEpoch
    batch_size: Count
    batches_by_length: bool
    processes: Count
    learning_rate_first: Positive
    learning_rate: Positive
    rising_epochs: Count
    l2: NotNegative


class NewTokens(Section):
    """The most tokens an answer may have, per task."""

    recovery: Count
    residual: Count


class Answers(Section):
    """Which states are answered and how."""

    controls: list[Control]
    sample: Count
    seed: Whole
    batch_size: Count
    shards: Jobs
    decoding: Decoding
    rank_titles: list[Literal["residual"]]
    max_new_tokens: NewTokens


class Consistent(Section):
    """How far a decoded history makes the recommender do what the real one does."""

    top: Count


class Bounds(Section):
    """Which decoders say how much is in the states, and what they learn from."""

    decoders: list[Decoder]
    examples: Count
    validation: Count
    components: Count
    epochs: Count


class Judge(JudgingPace):
    """Who judges what is recommended, where and how patiently."""

    endpoint: JudgeEndpoint | None
    models: Annotated[list[JudgeName], Field(min_length=1)]
    seed: Whole
    temperature: NotNegative | None
    max_tokens: Count | None
    shards: Jobs
