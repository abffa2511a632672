"""Answers of 40 tokens: ours in a batch of 32, the plain way and transformers' own one by one.

The plain way reads prompt and answer again for each token, as the authors' code does. The
`generate` of transformers keeps keys and values: what its user would do who knows of no batches of
soft tokens. No model has an end of the sequence here, so that all answers are equally long.
Seconds are those of the processor, on one thread: other work on the machine counts less.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from engine.training import interleaved
from engine.workload import DATA, TASKS, PaperAdapter, random_llama, soft_tokens, tokenizer, work
from torch import Tensor
from transformers import GenerationConfig

from recinterpreter.language_model import plain
from recinterpreter.language_model.decoding import greedy
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate

BATCH, NEW_TOKENS = 32, 40
ONE_BY_ONE = 1  # examples of a timing of the slow ways: all questions are equally long

Figure = tuple[str, float, str]
Texts = list[str]


def main() -> Iterator[Figure]:
    """Yield answers per second and ratios; last the smaller ratio of the last size's tasks."""
    torch.set_num_threads(1)
    sizes = [s.split("x") for s in (os.environ.get("SIZES") or "256x4,1024x8").split(",")]
    ratios: list[float] = []
    for hidden, layers in sizes:
        ratios = []
        for task in TASKS:
            for name, value, unit in one_task(task, int(hidden), int(layers)):
                yield f"{hidden}x{layers} {task} {name}", value, unit
                if name == "answering ratio":
                    ratios.append(value)
    yield "answer_ratio", min(ratios), "plain / ours, seconds of an answer"


@torch.inference_mode()
def one_task(task: str, hidden: int, layers: int) -> Iterator[Figure]:
    """Time the three ways in turn on the same model and states, and compare what they say."""
    data = Path(os.environ.get("DATA") or DATA)
    llm = random_llama(hidden, layers, tokenizer(data), torch.float32, "cpu")
    llm.tokenizer.eos_token_id = llm.model.generation_config.eos_token_id = None
    asked = work(task, data, BATCH)
    soft = soft_tokens(PaperAdapter(hidden), asked.states)
    ways = {
        "plain": (partial(plainly, llm, asked.template), soft[:ONE_BY_ONE]),
        "transformers": (partial(by_transformers, llm, asked.template), soft[:ONE_BY_ONE]),
        "ours": (partial(together, llm, asked.template), soft),
    }
    said: dict[str, Texts] = {}

    def seconds(name: str) -> float:
        way, shown = ways[name]
        way(shown[:1], 2)  # the first one sets things up
        began = time.process_time()
        said[name] = way(shown, NEW_TOKENS)
        return (time.process_time() - began) / len(shown)

    timed = {name: partial(seconds, name) for name in ways}
    taken = dict(interleaved(timed, int(os.environ.get("ROUNDS") or 1)))
    for name, value in taken.items():
        yield name, 1 / value, "answers/s"
    for name in ("plain", "transformers"):
        yield f"as {name} says", agreement(said["ours"], said[name]), "share of the answers"
    yield "against transformers", taken["transformers"] / taken["ours"], "transformers / ours"
    yield "answering ratio", taken["plain"] / taken["ours"], "plain / ours"


def plainly(llm: FrozenLanguageModel, template: PromptTemplate, soft: Tensor, room: int) -> Texts:
    """Answer one by one, each time reading everything; soft: (n, S, K, H)."""
    return [plain.answer(llm, template, one, room) for one in soft.split(1)]


def by_transformers(
    llm: FrozenLanguageModel, template: PromptTemplate, soft: Tensor, room: int
) -> Texts:
    """Answer one by one with transformers' own generate and its cache."""
    how = GenerationConfig(max_new_tokens=room, do_sample=False, use_cache=True)
    return [
        llm.decode(
            llm.model.generate(
                inputs_embeds=question,
                attention_mask=torch.ones(question.shape[:2], dtype=torch.long),
                generation_config=how,
            )[0].tolist()
        ).strip()
        for question in (llm.question(template, one, 1) for one in soft.split(1))
    ]


def together(llm: FrozenLanguageModel, template: PromptTemplate, soft: Tensor, room: int) -> Texts:
    """Answer in one batch."""
    return [said.text for said in greedy(llm, template, soft, len(soft), room)]


def agreement(ours: Texts, theirs: Texts) -> float:
    """Share of their answers that are ours word for word; rounding may part the two."""
    return sum(a == b for a, b in zip(ours, theirs, strict=False)) / len(theirs)
