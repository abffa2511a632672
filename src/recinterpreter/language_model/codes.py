"""A title's code: the mean of an LLM's own embeddings of its tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recinterpreter.language_model.causal import LanguageModel


class Codes:
    """Codes of a catalogue's titles in the LLM's embedding space, scaled to unit RMS.

    They follow the embedding table: gradients reach it while it is taught. Titles are given by
    index into the sequence, shapes (...) -> (..., H).
    """

    def __init__(self, llm: LanguageModel, titles: Sequence[str]) -> None:
        rows = [torch.tensor(llm.tokens(title), dtype=torch.long) for title in titles]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        lengths = torch.tensor([max(len(row), 1) for row in rows])
        share = (torch.arange(padded.shape[1]) < lengths[:, None]) / lengths[:, None]
        self._llm = llm
        self._tokens = padded.to(llm.device)
        self._share = share.to(llm.device)

    def __len__(self) -> int:
        return len(self._tokens)

    def of(self, titles: Tensor) -> Tensor:
        """Return the codes (..., H) of titles (...)."""
        words: Tensor = self._llm.embeddings(self._tokens[titles]).float()
        code: Tensor = (words * self._share[titles][..., None]).sum(-2)
        # the small term: a title without a token has the code zero
        unit: Tensor = code / (code.square().mean(-1, keepdim=True) + 1e-12).sqrt()
        return unit
