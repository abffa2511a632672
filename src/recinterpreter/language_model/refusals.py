"""What went wrong when an LLM could not be loaded, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from recinterpreter.errors import UserError

TOKEN = (
    "ask for access on its page, make a token that may read, and give it in the environment: "
    "export HF_TOKEN=..."
)

TOLD = 300  # characters of what a library said; some list every model they know

# What transformers has no exception of its own for, by words of its message.
_BY_WORDS = {
    "trust_remote_code": (
        "it comes with code of its own, which is never run; wanted a model that transformers knows"
    ),
    "Unrecognized configuration class": "it is no causal LLM; wanted one",
    "backend tokenizer": "it has no tokenizer; wanted tokenizer.json beside its config.json",
    "ignore_mismatched_sizes": (
        "its weights have other sizes than its config.json says; wanted both of one model"
    ),
    "safetensors": (
        "it has no weights in safetensors; where you trust who made them llm.allow_pickle: true "
        "admits pytorch_model.bin, of which tensors alone are read"
    ),
}


def explain(source: str, error: Exception) -> UserError:
    """Turn whatever loading raised into an error that says what to do; no token is in it."""
    from huggingface_hub import get_token

    told = " ".join(str(error).split()) or type(error).__name__
    if token := get_token():
        told = told.replace(token, "[token]")
    told = told if len(told) <= TOLD else f"{told[:TOLD]}..."
    return UserError(f"llm.source {source}: {_advice(error)} ({told})")


def _advice(error: Exception) -> str:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from safetensors import SafetensorError

    causes = list(_causes(error))

    def caused_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if caused_by(GatedRepoError):
        return f"it is gated and this machine may not read it; {TOKEN}"
    if caused_by(RepositoryNotFoundError):
        return (
            "there is no such model on the hub, or it is a private one; check the name (a folder "
            f"begins with ./ or /), and if it is private {TOKEN}"
        )
    if caused_by(RevisionNotFoundError):
        return "it has no such llm.revision; wanted a branch, a tag or a commit, or null"
    if caused_by(LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, ConnectionError):
        return (
            "the hub cannot be reached and the model is not in its cache; try again, or name a "
            "folder that holds the model"
        )
    if caused_by(torch.OutOfMemoryError):
        return (
            "it does not fit into the memory of the GPU; wanted llm.weights fp8, int8 or int4, or "
            "llm.spread with several GPUs"
        )
    if caused_by(SafetensorError):
        return "its weights are cut short or broken; copy or download them again"
    for words, advice in _BY_WORDS.items():
        if words in str(error):
            return advice
    return (
        "it cannot be loaded; wanted a folder with config.json of a causal LLM, *.safetensors and "
        "a tokenizer, or a Hugging Face id"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
