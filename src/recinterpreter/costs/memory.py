"""What training an adapter takes of memory, beside the LLM, the states and the libraries."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from torch import nn

from recinterpreter.language_model.causal import LanguageModel
from recinterpreter.language_model.cost import Sizes
from recinterpreter.language_model.target_loss import CHUNK

LOGITS = 3  # tensors as large as a chunk of logits: they, their softmax, the gradient
COPIES = 7  # of the adapter: itself, its gradient, two moments, average, best, one at work


def working_memory(
    found: Sizes,
    llm: LanguageModel,
    adapter: nn.Module,
    tokens: float,
    targets: float,
    held: float | None,
) -> dict[str, float]:
    """Return bytes by what they hold; tokens, targets: of a whole batch.

    held: what was found to be kept for the way back, None where nothing was tried.
    """
    chunk = min(CHUNK.get(llm.device.type, CHUNK["cuda"]), targets * llm.vocabulary)
    return {
        "activations": activations(found, llm, tokens) if held is None else held,
        "logits": LOGITS * 4 * chunk,
        "adapter": COPIES * sum(p.numel() * p.element_size() for p in adapter.parameters()),
    }


def activations(found: Sizes, llm: LanguageModel, tokens: float) -> float:
    """Count the bytes that tokens keep for the way back, by a rule that holds for LLaMA's kind.

    A layer keeps what its two norms are given, in single precision, and about as many numbers as
    its matrices have rows: queries, keys, values, their sum, and three of the feed-forward net.
    """
    rows = found.matrices / found.layers / llm.hidden_size
    each = int(llm.model.dtype.itemsize) * rows + 2 * 4 * llm.hidden_size
    return tokens * found.layers * each


def resident() -> float:
    """Return the bytes of memory that this process takes now (at most so far, on a Mac)."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return float(statm.read_text().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most) * (1 if sys.platform == "darwin" else 1024)
