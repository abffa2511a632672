"""Settings: config.yaml as frozen typed sections, one per stage; `configuration` checks them.

There are no defaults here: config.yaml is the one place that holds them, presets overlay it.
Each `Settings` method returns what one stage receives, and nothing else, so that a key makes
stale just the stages that read it.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]

Source = Literal["demo", "ml-100k", "events"]
RecommenderName = Literal["sasrec", "gru4rec"]
BaselineName = Literal["popularity", "decayed_markov"]
Task = Literal["recovery", "residual"]
AdapterKind = Literal["conv_linear"]
Control = Literal["another_user", "mean_state", "prompt_only"]
Domain = Literal["movies", "games", "items"]


class Section(BaseModel):
    """A block of config.yaml: frozen, every key required, no key but these, no silent casts."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    def as_json(self) -> str:
        """One line of JSON with sorted keys: how a stage is handed its settings."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True)


# --- data ---------------------------------------------------------------------------------------


class Titles(Section):
    """How a title is written when the LLM is to say it."""

    style: Literal["paper", "natural", "raw"]
    allow_markup: bool


class DemoSource(Section):
    """The generated data set."""

    items: Annotated[int, Field(ge=50, le=400)]
    users: Annotated[int, Field(ge=20, le=1_000_000)]
    seed: Whole


class MovieLensSource(Section):
    """MovieLens-100K: downloaded when path is null, else a folder or the zip."""

    path: str | None


class Columns(Section):
    """Names of the columns in the user's own two tables."""

    user: str
    item: str
    time: str
    title: str
    rating: str | None


class EventsSource(Section):
    """The user's own events and items, CSV or Parquet."""

    name: Slug
    domain: Domain
    events: str | None
    items: str | None
    columns: Columns


class Data(Section):
    """Which data sets to run, and how events and titles are read."""

    sources: Annotated[list[Source], Field(min_length=1)]
    min_rating: Number | None
    titles: Titles
    demo: DemoSource
    ml_100k: MovieLensSource = Field(alias="ml-100k")
    events: EventsSource


class Ingest(Section):
    """What an ingest stage receives: its own source's block and the rules all sources share."""

    min_rating: Number | None
    titles: Titles
    source: DemoSource | MovieLensSource | EventsSource


class Split(Section):
    """How sequences become train, validation and test examples."""

    unit: Literal["sequence", "time"]
    train: Positive
    validation: Positive
    history: Annotated[int, Field(ge=2, le=1000)]


# --- recommenders -------------------------------------------------------------------------------


class SASRecModel(Section):
    """Self-attention blocks of SASRec."""

    layers: Count
    heads: Count


class GRU4RecModel(Section):
    """Recurrent layers of GRU4Rec."""

    layers: Count


class Recommenders(Section):
    """Which recommenders are trained, and how."""

    names: Annotated[list[RecommenderName], Field(min_length=1)]
    baselines: list[BaselineName]
    seeds: Annotated[list[Whole], Field(min_length=1)]
    embedding_size: Annotated[int, Field(ge=2, le=4096)]
    batch_size: Count
    learning_rate: Positive
    l2: NotNegative
    dropout: Share
    epochs: Count
    patience: Count
    sasrec: SASRecModel
    gru4rec: GRU4RecModel


class RecommenderTraining(Section):
    """What train_recommender receives."""

    recommender: RecommenderName
    seed: Whole
    embedding_size: Count
    batch_size: Count
    learning_rate: Positive
    l2: NotNegative
    dropout: Share
    epochs: Count
    patience: Count
    model: SASRecModel | GRU4RecModel


class Baseline(Section):
    """What rank_baseline receives."""

    baseline: BaselineName


class States(Section):
    """How hidden states are stored."""

    precision: Literal["float32", "float16"]
    batch_size: Count


# --- language model, adapter, answers -----------------------------------------------------------


class EmbeddedLLM(Section):
    """The small LLaMA made inside the pipeline from the catalogue alone."""

    seed: Whole
    hidden_size: Annotated[int, Field(ge=8, le=4096)]
    layers: Count
    heads: Count
    vocabulary: Annotated[int, Field(ge=300, le=65_536)]
    steps: Count
    batch_size: Count
    learning_rate: Positive
    noise: NotNegative


class Teaching(Section):
    """What teach_language_model receives."""

    domain: Domain
    embedded: EmbeddedLLM


class LLM(Section):
    """Which frozen language model reads the states."""

    source: Annotated[str, Field(min_length=1)]
    revision: str | None
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


class Adapter(Section):
    """How an adapter is trained through the frozen LLM."""

    kinds: Annotated[list[AdapterKind], Field(min_length=1)]
    tasks: Annotated[list[Task], Field(min_length=1)]
    standardise: bool
    warm_start_steps: Whole
    epochs: Count
    examples_per_epoch: ExamplesPerEpoch
    batch_size: Count
    learning_rate_first: Positive
    learning_rate: Positive
    rising_epochs: Count
    l2: NotNegative


class AdapterTraining(Section):
    """What train_adapter receives."""

    domain: Domain
    seed: Whole
    task: Task
    adapter: AdapterKind
    llm: str
    revision: str | None
    standardise: bool
    warm_start_steps: Whole
    epochs: Count
    examples_per_epoch: Count | None
    batch_size: Count
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
    max_new_tokens: NewTokens


class StateSelection(Section):
    """What select_states receives."""

    controls: list[Control]
    sample: Count
    seed: Whole


class Answering(Section):
    """What answer receives."""

    domain: Domain
    task: Task
    adapter: AdapterKind
    llm: str
    revision: str | None
    batch_size: Count
    max_new_tokens: Count


class Scores(Section):
    """How answers and rankings are scored."""

    cutoffs: Annotated[list[Count], Field(min_length=1)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    resamples: Annotated[int, Field(ge=100)]
    seed: Whole


class Report(Section):
    """What the page shows."""

    title: str
    cases: Whole


class Settings(Section):
    """The whole of config.yaml."""

    data: Data
    split: Split
    recommenders: Recommenders
    states: States
    llm: LLM
    adapter: Adapter
    answers: Answers
    scores: Scores
    report: Report

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets to run: the folders under results/."""
        return [self.data.events.name if s == "events" else s for s in self.data.sources]

    @property
    def sources(self) -> list[str]:
        """Sources of states that are answered: the recorded ones, then the controls."""
        return ["recorded", *self.answers.controls]

    def domain(self, dataset: str) -> Domain:
        """Which words the prompts of a data set use."""
        return self.data.events.domain if dataset == self.data.events.name else "movies"

    def ingest(self, source: Source) -> Ingest:
        """Settings of ingest_demo, ingest_movielens, ingest_events."""
        blocks: dict[Source, DemoSource | MovieLensSource | EventsSource] = {
            "demo": self.data.demo,
            "ml-100k": self.data.ml_100k,
            "events": self.data.events,
        }
        return Ingest(
            min_rating=self.data.min_rating, titles=self.data.titles, source=blocks[source]
        )

    def training(self, recommender: str, seed: str) -> RecommenderTraining:
        """Settings of train_recommender."""
        return RecommenderTraining.model_validate(
            {
                **_shared(self.recommenders, RecommenderTraining),
                "recommender": recommender,
                "seed": int(seed),
                "model": getattr(self.recommenders, recommender),
            }
        )

    def teaching(self, dataset: str) -> Teaching:
        """Settings of teach_language_model."""
        return Teaching(domain=self.domain(dataset), embedded=self.llm.embedded)

    def selection(self) -> StateSelection:
        """Settings of select_states."""
        return StateSelection(**_shared(self.answers, StateSelection))

    def adapter_training(self, dataset: str, task: str, adapter: str, seed: str) -> AdapterTraining:
        """Settings of train_adapter."""
        return AdapterTraining.model_validate(
            {
                **_shared(self.adapter, AdapterTraining),
                "domain": self.domain(dataset),
                "seed": int(seed),
                "task": task,
                "adapter": adapter,
                "llm": self.llm.source,
                "revision": self.llm.revision,
                "examples_per_epoch": getattr(self.adapter.examples_per_epoch, task),
            }
        )

    def answering(self, dataset: str, task: str, adapter: str) -> Answering:
        """Settings of answer."""
        return Answering.model_validate(
            {
                "domain": self.domain(dataset),
                "task": task,
                "adapter": adapter,
                "llm": self.llm.source,
                "revision": self.llm.revision,
                "batch_size": self.answers.batch_size,
                "max_new_tokens": getattr(self.answers.max_new_tokens, task),
            }
        )


def _shared(block: Section, stage: type[Section]) -> dict[str, Any]:
    return {k: getattr(block, k) for k in stage.model_fields if k in type(block).model_fields}
