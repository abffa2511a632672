"""The engine in the obvious way, one example after another: the law the fast path is held to.

Every prompt is put together and read from its beginning, logits exist at every position, and an
answer is written by reading all of it again for each token. This is how the authors' code does
it; here it serves as the reference of tests and the other side of benchmarks.
Shapes: B examples, S slots, K soft tokens per slot, H the LLM's width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from recinterpreter.language_model.causal import IGNORED, LanguageModel
from recinterpreter.language_model.prompts import PromptTemplate


def loss(
    llm: LanguageModel, template: PromptTemplate, soft: Tensor, titles: Sequence[Sequence[str]]
) -> Tensor:
    """Return the mean cross-entropy per answer token of a batch, padded on the right.

    soft: (B, S, K, H) with gradient; titles: what each answer is to name.
    """
    rows, labels = [], []
    for i, named in enumerate(titles):
        question = llm.question(template, soft[i : i + 1], 1)[0]
        answer = torch.tensor(llm.answer_tokens(template, named), device=llm.device)
        rows.append(torch.cat([question, llm.embeddings(answer)]))
        labels.append(torch.cat([answer.new_full((len(question),), IGNORED), answer]))
    padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    wanted = nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=IGNORED)
    seen = torch.arange(padded.shape[1], device=llm.device) < torch.tensor(
        [[len(row)] for row in rows], device=llm.device
    )
    result: Tensor = llm.model(
        inputs_embeds=padded, attention_mask=seen.long(), labels=wanted, use_cache=False
    ).loss
    return result


@torch.inference_mode()
def answer(
    llm: LanguageModel, template: PromptTemplate, soft: Tensor | None, max_new_tokens: int
) -> str:
    """Return what the LLM writes greedily for one example; soft: (1, S, K, H) or None."""
    text, written = llm.question(template, soft, 1), []
    for _ in range(max_new_tokens):
        token = llm.model(inputs_embeds=text, use_cache=False).logits[0, -1].argmax()
        if int(token) == llm.tokenizer.eos_token_id:
            break
        written.append(int(token))
        text = torch.cat([text, llm.embeddings(token)[None, None]], dim=1)
    return llm.decode(written).strip()
