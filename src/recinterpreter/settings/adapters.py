"""Settings of the adapters: tasks, kinds and how they are trained."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recinterpreter.settings.data import Domain
from recinterpreter.settings.language_model import Loading
from recinterpreter.settings.sections import Count, NotNegative, Positive, Section, Share, Whole

WordedTask = Literal["recovery", "residual"]
Task = Literal[WordedTask, "preference"]
AdapterKind = Literal[
    "conv_linear", "last_linear", "mlp", "soft_tokens", "per_position", "q_former"
]
Standardise = Literal["none", "dimension", "whiten"]
Preferred = Literal["next", "recommended"]


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


class AdapterTraining(Section):
    """What train_adapter receives."""

    domain: Domain
    seed: Whole
    task: Task
    preferred: Preferred | None
    adapter: AdapterKind
    sizes: MLPSizes | SoftTokensSizes | QFormerSizes | None
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
