"""Settings of the recommenders: a recipe for each, and how states and dreams are stored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recinterpreter.settings.sections import (
    Count,
    NotNegative,
    Positive,
    Section,
    Share,
    Slug,
    Whole,
)

RecommenderName = Literal["gru4rec", "caser", "sasrec", "dreamrec"]
BaselineName = Literal["popularity", "markov", "decayed_markov", "ease"]
ItemTable = Literal["trained", "sasrec"]
DenoiserKind = Literal["mlp1", "mlp2"]
ScheduleName = Literal["linear", "cosine", "exp", "sqrt"]
UNTRAINED = "untrained_"  # before the name of a recommender that is left as it was drawn


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


class OracleItems(Section):
    """What generate_oracle_items receives: which examples, and how their states are stored."""

    precision: Literal["float32", "float16"]
    sample: Count
    seed: Whole


class Outside(Section):
    """What import_recommended receives: whose list it reads.

    The files of an outside recommender are the same for every seed, which then is that of the
    adapters trained on its states.
    """

    recommender: Slug
    seed: Whole


class OutsideFile(Section):
    """What check_outside receives: which of an outside recommender's files it reads."""

    file: Literal["states", "items", "recommended", "oracle"]


class OutsideStates(Outside):
    """What import_states receives."""

    precision: Literal["float32", "float16"]


class OutsideOracle(OutsideStates):
    """What import_oracle_items receives: which examples, by the seed `drawn`."""

    sample: Count
    drawn: Whole
