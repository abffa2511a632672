"""Load a frozen LLM: a folder or a Hugging Face id, safetensors only, no code of strangers.

What transformers lets pass in silence and what makes answers wrong is an error here: weights it did
not find (it draws them at random), a model that looks ahead, a tokenizer of another model.
"""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from typing import Any

import torch

from recinterpreter import device
from recinterpreter.errors import UserError
from recinterpreter.language_model import float8
from recinterpreter.language_model.causal import hush
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.refusals import explain
from recinterpreter.settings.language_model import Loading, Running

logger = logging.getLogger("recinterpreter")

NAMED = 5  # weights named in an error; there may be hundreds
PACKED = ("int8", "int4")  # by bitsandbytes, as they are read


def load(source: str, loading: Loading, running: Running) -> FrozenLanguageModel:
    """Load a folder or a Hugging Face id.

    The token of a gated model is read from the environment (HF_TOKEN) by the hub's own library.
    Raises UserError when there is no model, no tokenizer, they do not fit together, or the model
    is no causal LLM all of whose weights are there.
    """
    hush()
    # else a repository of pickles is sent to a converter, and what that makes is loaded instead
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"
    tokenizer = tokenizer_of(source, loading)
    try:
        model = _model(source, loading, running)
    except UserError:
        raise
    except Exception as error:  # transformers raises almost any kind of it
        raise explain(source, error) from error
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise UserError(
            f"llm.source {source}: its tokenizer has {len(tokenizer)} tokens, its embedding "
            f"table only {rows} rows; wanted a tokenizer that belongs to the model"
        )
    _insist_on_reading(source, model)
    return FrozenLanguageModel(model, tokenizer)


def tokenizer_of(source: str, loading: Loading) -> Any:
    """Load the tokenizer of a folder or Hugging Face id; UserError where there is none."""
    # imported here: transformers takes seconds, and only these functions need it
    from transformers import AutoConfig, AutoTokenizer

    try:
        # first, for without it the tokenizer's own error would hide what is wrong
        AutoConfig.from_pretrained(source, revision=loading.revision, trust_remote_code=False)
        tokenizer: Any = AutoTokenizer.from_pretrained(
            source, revision=loading.revision, trust_remote_code=False
        )
    except Exception as error:
        raise explain(source, error) from error
    if tokenizer.eos_token_id is None:
        logger.warning(
            "the tokenizer of %s has no end token: its answers never end by themselves, all run to "
            "answers.max_new_tokens; to mend it name eos_token in tokenizer_config.json",
            source,
        )
    return tokenizer


def _model(source: str, loading: Loading, running: Running) -> Any:
    from transformers import AutoModelForCausalLM

    where = device.pick(all_gpus=running.spread)
    dtype = dtype_of(loading, where)
    options: dict[str, Any] = {}
    if loading.weights in PACKED:
        _insist_on_extra(f"llm.weights {loading.weights}", "bitsandbytes", "accelerate")
        options = {"quantization_config": _packing(loading, dtype), "device_map": {"": where}}
    if running.spread:
        _insist_on_extra("llm.spread", "accelerate")
        options["device_map"] = "auto"
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        source,
        revision=loading.revision,
        dtype=dtype,
        use_safetensors=None if running.allow_pickle else True,
        weights_only=True,
        trust_remote_code=False,
        output_loading_info=True,
        **options,
    )
    model, found = loaded
    _insist_on_weights(source, found)
    _insist_on_gpus(source, model)
    if "device_map" not in options:
        model.to(where)
    if loading.weights == "fp8":
        float8.quantise(model)
    _keep_gradients(model)
    return model


def dtype_of(loading: Loading, where: torch.device) -> torch.dtype:
    """Return the numbers that an LLM computes with."""
    if loading.precision == "auto":
        return torch.bfloat16 if where.type == "cuda" else torch.float32
    dtype: torch.dtype = getattr(torch, loading.precision)
    return dtype


def _packing(loading: Loading, dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    if loading.weights == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
    )


def _insist_on_extra(key: str, *packages: str) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise UserError(
            f"{key} needs {' and '.join(missing)}, which is not installed; install the extra "
            "named quantized: pip install '.[quantized]'"
        )


def _insist_on_weights(source: str, found: Any) -> None:
    missing = sorted(found["missing_keys"])
    if missing:
        others = f" and {len(missing) - NAMED} others" if len(missing) > NAMED else ""
        named = ", ".join(missing[:NAMED]) + others
        raise UserError(
            f"llm.source {source}: its files lack the weights {named}, which would "
            "be drawn at random; wanted a whole causal LLM: download it again, or name the model "
            "that has an output layer"
        )
    unused = sorted(found["unexpected_keys"])
    if unused:
        logger.warning(
            "%s: %d weights of its files have no place in the model and are not used, such as %s",
            *(source, len(unused), unused[0]),
        )


def _insist_on_gpus(source: str, model: Any) -> None:
    """Refuse a model part of which stayed outside the GPUs: each pass would carry it there."""
    places = {str(place) for place in getattr(model, "hf_device_map", {}).values()}
    if "disk" in places or ("cpu" in places and len(places) > 1):
        raise UserError(
            f"llm.source {source}: it does not fit on {torch.cuda.device_count()} GPUs, part of it "
            "would stay outside; give it more GPUs, or llm.weights int8 or int4"
        )


def _keep_gradients(model: Any) -> None:
    """Keep bitsandbytes' 4-bit layers from the CPU kernels that return no gradient."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _insist_on_reading(source: str, model: Any) -> None:
    """Insist that a state depends on its own token and those before it, by its gradient."""
    ids = torch.arange(1, 5, device=model.get_input_embeddings().weight.device)[None]
    embedded = model.get_input_embeddings()(ids).detach().requires_grad_()
    states = model.eval().base_model(inputs_embeds=embedded)[0].float()
    # in no direction that a norm makes constant
    direction = torch.linspace(-1, 1, states.shape[-1], device=states.device).sin()
    (first,) = torch.autograd.grad(states[0, 0] @ direction, embedded, retain_graph=True)
    (last,) = torch.autograd.grad(states[0, -1] @ direction, embedded)
    if first[0, 1:].any():
        raise UserError(
            f"llm.source {source}: {type(model).__name__} looks ahead, its state at a token "
            "depends on those after it; wanted a causal LLM"
        )
    if not last[0, 0].any():
        raise UserError(
            f"llm.source {source}: no gradient comes back to what {type(model).__name__} reads, so "
            "no adapter can be trained through it; with llm.weights int8 or int4 wanted full"
        )
