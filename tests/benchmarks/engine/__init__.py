"""The engine against the plain way on a CPU: training, answering, growth, samples to accuracy.

The same random LLaMAs, the same prompts, states and answers, one process, one thread. The plain
way is the authors': examples tokenised and embedded one by one, padded on the right, logits at all
positions, the prompt read again at each step, fp32, batches of 16 as they are drawn. Ours takes
batches of 16 too, those of like length together. Both take whole steps with Adam.

Takes some ten minutes. Variables of the environment, or of the command line of `make bench`:

DATA    folder with movielens/ml-100k and models/llama_tokenizer, for real lengths
PARTS   of training,answering,growth,accuracy: those to run, all of them
ROUNDS  of each timing, 3; of answers 1  SIZES   hidden x layers, 256x4,1024x8
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from . import growth
from .training import differences, fast_loss, interleaved, plain_loss, seconds
from .workload import DATA, TASKS, PaperAdapter, StandIn, batches, random_llama, spread, tokenizer
from .workload import work as make_work

BATCH = 16
DRAWN = 2048  # examples that batches are dealt from
TIMED = 3  # batches of each timing

Figure = tuple[str, float, str]


def main() -> Iterator[Figure]:
    torch.set_num_threads(1)
    data = Path(os.environ.get("DATA") or DATA)
    parts = (os.environ.get("PARTS") or "training,answering,growth,accuracy").split(",")
    yield "real token lengths", float(not isinstance(tokenizer(data), StandIn)), "1: yes"
    if "training" in parts:
        yield from _training(data)
    if "answering" in parts:
        from _answering import main as answering

        yield from answering()
    if "growth" in parts:
        yield from growth.main()
    if "accuracy" in parts:
        from _accuracy import main as accuracy

        yield from accuracy()


def _training(data: Path) -> Iterator[Figure]:
    sizes = [s.split("x") for s in (os.environ.get("SIZES") or "256x4,1024x8").split(",")]
    worst: dict[str, float] = {}
    for hidden, layers in ((int(h), int(n)) for h, n in sizes):
        worst = {"loss": worst.get("loss", 0.0), "gradient": worst.get("gradient", 0.0)}
        for task in TASKS:
            for name, value, unit in _one_task(data, task, hidden, layers):
                yield f"{hidden}x{layers} {task} {name}", value, unit
                if name in ("loss", "gradient"):
                    worst[name] = max(worst[name], value)
                elif "ratio" in name:
                    worst[name] = min(worst.get(name, value), value)
    # the last size's, the smaller of the two tasks; differences: the largest of all
    yield "train_ratio_fp32", worst["ratio fp32"], "plain / ours"
    yield "train_ratio_bf16", worst["ratio bf16"], "plain fp32 / ours bf16"
    yield "loss_difference", worst["loss"], ""
    yield "gradient_difference", worst["gradient"], "of the largest entry"


def _one_task(data: Path, task: str, hidden: int, layers: int) -> Iterator[Figure]:
    tokens, work = tokenizer(data), make_work(task, data, DRAWN)
    llm = random_llama(hidden, layers, tokens, torch.float32, "cpu")
    half = random_llama(hidden, layers, tokens, torch.bfloat16, "cpu")
    answers = [llm.answer_tokens(work.template, titles) for titles in work.titles]
    lengths = torch.tensor([len(answer) for answer in answers]).numpy()
    yield "tokens of an answer", float(lengths.mean()), ""
    drawn, alike = (
        spread(batches(lengths, BATCH, by_length), lengths, TIMED) for by_length in (False, True)
    )
    plainly, fast = plain_loss(llm, work), fast_loss(llm, work, answers)
    adapter = PaperAdapter(hidden)
    ways = {
        "plain": partial(seconds, adapter, plainly, drawn),
        "ours": partial(seconds, adapter, fast, alike),
        "ours bf16": partial(seconds, adapter, fast_loss(half, work, answers), alike),
    }
    taken = dict(interleaved(ways, int(os.environ.get("ROUNDS") or 3)))
    for name, value in taken.items():
        yield name, 1 / value, "samples/s"
    yield "ratio fp32", taken["plain"] / taken["ours"], "plain / ours"
    yield "ratio bf16", taken["plain"] / taken["ours bf16"], "plain fp32 / ours bf16"
    loss, gradient = differences(adapter, fast, plainly, drawn[0])
    yield "loss", loss, "ours - plain, same batch"
    yield "gradient", gradient, "ours - plain, of the largest entry"
