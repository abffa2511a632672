"""Load a frozen LLM: a folder or a Hugging Face id, safetensors only, no code of strangers."""

from __future__ import annotations

from typing import Any

import torch

from recinterpreter import device
from recinterpreter.errors import UserError
from recinterpreter.language_model.causal import hush
from recinterpreter.language_model.frozen import FrozenLanguageModel


def load(source: str, revision: str | None = None) -> FrozenLanguageModel:
    """Load a folder or a Hugging Face id.

    Raises UserError when there is no model, no tokenizer, or they do not fit together.
    """
    # imported here: transformers takes seconds, and only this function needs it
    from transformers import AutoModelForCausalLM, AutoTokenizer

    hush()
    where = device.pick()
    dtype = torch.bfloat16 if where.type == "cuda" else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        model: Any = AutoModelForCausalLM.from_pretrained(
            source, revision=revision, dtype=dtype, use_safetensors=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"llm.source {source}: {error}; wanted a folder with config.json, *.safetensors "
            "and a tokenizer, or a Hugging Face id"
        ) from error
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise UserError(
            f"llm.source {source}: its tokenizer has {len(tokenizer)} tokens, its embedding "
            f"table only {rows} rows; wanted a tokenizer that belongs to the model"
        )
    return FrozenLanguageModel(model.to(where), tokenizer)
