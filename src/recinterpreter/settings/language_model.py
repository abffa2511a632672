"""Settings of the language model: how it is loaded and run, and how the embedded one is taught."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recinterpreter.settings.data import Domain
from recinterpreter.settings.sections import Count, NotNegative, Positive, Section, Whole

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Weights = Literal["full", "fp8", "int8", "int4"]


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
