"""Models of an LLM's shape with a few layers and random weights: what it costs, without having it.

Speed and memory do not depend on the values of weights, and grow linearly with the layers.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from recinterpreter.errors import UserError
from recinterpreter.language_model.causal import LanguageModel, hush
from recinterpreter.language_model.embedded import make_model, make_tokenizer
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.loading import tokenizer_of
from recinterpreter.language_model.prompts import phrases
from recinterpreter.language_model.refusals import explain
from recinterpreter.settings.data import Domain
from recinterpreter.settings.language_model import EmbeddedLLM, Loading


def outline(source: str, loading: Loading) -> LanguageModel:
    """Read configuration and tokenizer of a folder or Hugging Face id; the weights have no content.

    Raises UserError when there is no configuration of a causal LLM or no tokenizer.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    hush()
    if source.startswith((".", "/")) and not Path(source).is_dir():
        raise UserError(f"llm.source {source}: no such folder; wanted one with config.json")
    tokenizer = tokenizer_of(source, loading)
    try:
        config = AutoConfig.from_pretrained(
            source, revision=loading.revision, trust_remote_code=False
        )
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise explain(source, error) from error
    return LanguageModel(model, tokenizer)


def outline_of_embedded(
    titles: Sequence[str], domain: Domain, settings: EmbeddedLLM
) -> LanguageModel:
    """Make the embedded LLM's tokenizer and its configuration, without the content of weights."""
    tokenizer = make_tokenizer(list(dict.fromkeys(titles)), phrases(domain), settings.vocabulary)
    with torch.random.fork_rng(), torch.device("meta"):
        return LanguageModel(make_model(settings, tokenizer), tokenizer)


def thin(
    llm: LanguageModel, layers: int, device: torch.device, dtype: torch.dtype
) -> FrozenLanguageModel:
    """Make a frozen LLM like this one with so many layers; its weights are random."""
    from transformers import AutoModelForCausalLM

    config = copy.deepcopy(llm.model.config)
    text = config.get_text_config()
    text.num_hidden_layers = layers
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:layers]
    with torch.random.fork_rng(), device:
        model: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
    return FrozenLanguageModel(model, llm.tokenizer)
