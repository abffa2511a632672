"""Settings as stages receive them: frozen typed sections, a line of JSON on the way.

The whole of config.yaml is in `experiment`, its checks in `configuration`. No stage needs those,
so a key that a stage does not read can come and go without making its results stale.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]

Source = Literal["demo", "ml-100k", "events"]
RecommenderName = Literal["gru4rec", "caser", "sasrec", "dreamrec"]
BaselineName = Literal["popularity", "markov", "decayed_markov", "ease"]
ItemTable = Literal["trained", "sasrec"]
DenoiserKind = Literal["mlp1", "mlp2"]
ScheduleName = Literal["linear", "cosine", "exp", "sqrt"]
WordedTask = Literal["recovery", "residual"]
Task = Literal[WordedTask, "preference"]
RankedTask = Literal["residual", "preference"]
AdapterKind = Literal[
    "conv_linear", "last_linear", "mlp", "soft_tokens", "per_position", "q_former"
]
Standardise = Literal["none", "dimension", "whiten"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Weights = Literal["full", "fp8", "int8", "int4"]
Control = Literal["another_user", "mean_state", "zeros", "noise", "prompt_only"]
Preferred = Literal["next", "recommended"]
Decoding = Literal["free", "catalogue"]
ProbedTask = Literal["recovery", "residual", "preference"]
Decoder = Literal["linear", "ridge", "nearest"]
EditKind = Literal["drop", "swap", "replace", "append"]
Domain = Literal["movies", "games", "items"]
# planted, environment, or a URL that holds no name and password
JudgeEndpoint = Annotated[str, Field(pattern=r"^(planted|environment|https?://[^\s@?#]+)$")]
# no absolute path: the name stands in tables and on the page
JudgeName = Annotated[str, Field(pattern=r"^[^\s/~]\S*$")]


UNTRAINED = "untrained_"  # before the name of a recommender that is left as it was drawn


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


class Ingest(Section):
    """What an ingest stage receives: its own source's block and the rules all sources share."""

    min_rating: Number | None
    titles: Titles
    source: DemoSource | MovieLensSource | EventsSource


class Split(Section):
    """How sequences become train, validation and test examples.

    The shares do not count under leave-one-out.
    """

    unit: Literal["sequence", "time", "leave-one-out"]
    train: Positive
    validation: Positive
    history: Annotated[int, Field(ge=2, le=1000)]


# --- recommenders -------------------------------------------------------------------------------


class Recipe(Section):
    """What every recommender is trained with, whatever it is."""

    embedding_size: Annotated[int, Field(ge=2, le=4096)]
    batch_size: Count
    learning_rate: Positive
    l2: NotNegative
    dropout: Share
    averaging: Share
    epochs: Count
    patience: Count


class SASRecRecipe(Recipe):
    """SASRec: blocks of self-attention."""

    layers: Count
    heads: Count


class GRU4RecRecipe(Recipe):
    """GRU4Rec: recurrent layers."""

    layers: Count


class CaserRecipe(Recipe):
    """Caser: convolutions over so many successive items, with so many filters each."""

    filters: Count
    sizes: Annotated[list[Count], Field(min_length=1)]


class DreamRecRecipe(Recipe):
    """DreamRec: an encoder, and guided diffusion of the next item's embedding."""

    layers: Count
    heads: Count
    item_table: ItemTable
    cross_entropy: NotNegative
    denoiser: DenoiserKind
    schedule: ScheduleName
    diffusion_steps: Annotated[int, Field(ge=2, le=10_000)]
    unconditional: Share
    guidance: NotNegative
    sampling_steps: Count
    sampling_noise: Annotated[float, Field(ge=0, le=1)]


class RecommenderTraining(Section):
    """What train_recommender receives."""

    recommender: RecommenderName
    untrained: bool
    seed: Whole
    recipe: SASRecRecipe | GRU4RecRecipe | CaserRecipe | DreamRecRecipe

    @property
    def name(self) -> str:
        """What it is called in paths and tables: untrained, it is another encoder."""
        return f"{UNTRAINED}{self.recommender}" if self.untrained else self.recommender


class Baseline(Section):
    """What rank_baseline receives."""

    baseline: BaselineName


class States(Section):
    """How hidden states are stored."""

    precision: Literal["float32", "float16"]
    batch_size: Count


class OracleItems(Section):
    """What generate_oracle_items receives: which examples, and how their states are stored."""

    precision: Literal["float32", "float16"]
    batch_size: Count
    sample: Count
    seed: Whole


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


class MLPSizes(Section):
    """The adapter with a hidden layer: how wide it is."""

    hidden: Count


class SoftTokensSizes(Section):
    """The adapter with several soft tokens per state: how many."""

    tokens: Count


class QFormerSizes(Section):
    """The adapter of learned queries that look at a state's positions."""

    queries: Count
    query_width: Annotated[int, Field(ge=2, le=4096)]
    layers: Count
    heads: Count


class Loading(Section):
    """Which weights of an LLM are read and in what numbers: what its answers depend on."""

    revision: str | None
    precision: Precision
    weights: Weights


class Running(Section):
    """How an LLM is handled on a machine: its answers do not depend on it.

    So it is in the settings of no stage; stages that load an LLM get it beside them.
    """

    spread: bool
    allow_pickle: bool


class AdapterTraining(Section):
    """What train_adapter receives."""

    domain: Domain
    seed: Whole
    task: Task
    preferred: Preferred | None
    adapter: AdapterKind
    sizes: MLPSizes | SoftTokensSizes | QFormerSizes | None
    llm: str
    loading: Loading
    standardise: Standardise
    closed_form_start: bool
    warm_start_steps: Whole
    epochs: Count
    patience: Count | None
    averaging: Share
    examples_per_epoch: Count | None
    batch_size: Count
    batches_by_length: bool
    learning_rate_first: Positive
    learning_rate: Positive
    rising_epochs: Count
    l2: NotNegative


class StateSelection(Section):
    """What select_states receives."""

    controls: list[Control]
    sample: Count
    seed: Whole


class Answering(Section):
    """What answer receives."""

    domain: Domain
    task: WordedTask
    adapter: AdapterKind
    llm: str
    loading: Loading
    batch_size: Count
    decoding: Decoding
    max_new_tokens: Count


class TitleRanking(Section):
    """What rank_titles receives."""

    domain: Domain
    task: RankedTask
    adapter: AdapterKind
    llm: str
    loading: Loading
    batch_size: Count


class Edits(Section):
    """How histories are edited to see whether the answers follow: what edit_histories receives."""

    kinds: list[EditKind]
    sample: Count
    seed: Whole


class EditedStates(States):
    """What encode_edits receives: how states are stored, and a table of them for each kind."""

    kinds: list[EditKind]


class Consistency(Section):
    """What measure_consistency receives: how many best items are compared, and how many at once.

    seed: of the derangement that gives every example another user's answer.
    """

    top: Count
    batch_size: Count
    seed: Whole


class Probing(Section):
    """What probe_states receives; sample and seed are those of the answers."""

    tasks: list[ProbedTask]
    decoders: list[Decoder]
    examples: Count
    validation: Count
    components: Count
    epochs: Count
    sample: Count
    seed: Whole


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


# --- judge --------------------------------------------------------------------------------------

# Models of the planted endpoint: how often each takes the first title unread
PLANTED_JUDGES = {"careful": 0.0, "hasty": 0.3}


class JudgeCases(Section):
    """What make_judge_cases receives."""

    seed: Whole


class Judging(Section):
    """What ask_judges receives: who is asked what, on which a reply depends."""

    domain: Domain
    endpoint: JudgeEndpoint
    models: Annotated[list[JudgeName], Field(min_length=1)]
    temperature: NotNegative | None
    max_tokens: Count | None


class JudgingPace(Section):
    """How patiently and how fast judges are asked: no reply depends on it."""

    concurrency: Count
    attempts: Count
    backoff: NotNegative
    timeout: Positive
    most_requests: Count | None


class Report(Section):
    """What the page shows."""

    title: str
    cases: Whole
