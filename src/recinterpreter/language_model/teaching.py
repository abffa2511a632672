"""Teach the embedded LLM to read a soft vector in a slot, from the catalogue's titles alone.

What stands in the slot while it is taught is made from its own embeddings of random titles: a
title's code is the mean of its tokens' embeddings, a list's code a weighted sum of its titles'
codes, plus noise. No user's history and no recommender's state is used, so nothing can leak.
It is more than a text corpus: random titles and prompts alone teach it to ignore the slot.
Shapes: B answers, N titles of a list, H width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from recinterpreter import training_state
from recinterpreter.checkpoint import Progress
from recinterpreter.language_model.causal import LanguageModel
from recinterpreter.language_model.codes import Codes
from recinterpreter.language_model.prompts import templates
from recinterpreter.settings.adapters import Task
from recinterpreter.settings.data import Domain
from recinterpreter.settings.language_model import EmbeddedLLM

LONGEST_LIST = 10
UNEXPLAINED = 3.0  # most of what List1 may hold beside titles, relative to a title
SHARES: dict[Task, float] = {"residual": 0.4, "recovery": 0.45, "preference": 0.15}  # of the steps
SAVED_EVERY = 200  # steps


@dataclass(frozen=True)
class Lesson:
    """What one step showed and how it went; accuracy: share of whole answers foretold."""

    step: int
    task: Task
    loss: float
    accuracy: float


def teach(
    llm: LanguageModel,
    titles: Sequence[str],
    domain: Domain,
    settings: EmbeddedLLM,
    progress: Progress,
) -> Iterator[Lesson]:
    """Train `llm` in place with AdamW, going on from kept progress; yields every step.

    All randomness of a step comes from (seed, step), so a resumed run ends with the same weights.
    """
    codes = Codes(llm, titles)
    optimizer = torch.optim.AdamW(
        llm.model.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    done = 0
    if (kept := progress.load()) is not None:
        training_state.restore(llm.model, optimizer, kept[1])
        done = kept[0]["step"]
    scale = settings.hidden_size**-0.5  # of the embedding table, see `embedded.make_model`
    for step in range(done, settings.steps):
        draw = Generator().manual_seed(settings.seed * 1_000_003 + step)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _pace(step / settings.steps)
        task = list(SHARES)[int(torch.multinomial(_shares(), 1, generator=draw))]
        phrasings = templates(task, domain)
        template = phrasings[int(torch.randint(len(phrasings), (), generator=draw))]
        slots, named = _SLOTS[task](codes, settings.batch_size, draw)
        soft = scale * _noisy(slots, settings.noise, draw)
        answers = [llm.answer_tokens(template, [titles[i] for i in row]) for row in named.tolist()]
        loss, accuracy = llm.loss(template, soft[:, :, None], answers)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(llm.model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % SAVED_EVERY == 0:
            progress.save({"step": step + 1}, training_state.tensors(llm.model, optimizer))
        yield Lesson(step + 1, task, loss.item(), accuracy.item())


def residual_slots(codes: Codes, size: int, draw: Generator) -> tuple[Tensor, Tensor]:
    """Make List1 and List2 of a residual question: slots (B, 2, H), titles to be named (B, 1).

    List1 is a sum of up to nine titles, weights falling at random towards the past, and of
    something that no title explains; List2 is most of List1 and one title more, which weighs one.
    What is new must be told from the difference, as in the states of two such histories.
    """
    longest = LONGEST_LIST - 1
    titles = torch.randint(len(codes), (size, longest), generator=draw)
    length = torch.randint(longest + 1, (size, 1), generator=draw)
    place = torch.arange(longest)
    fall = torch.rand(size, 1, generator=draw)
    weights = torch.rand(size, longest, generator=draw) * fall**place * (place < length)
    first = _weighted(codes, titles, weights)
    level = UNEXPLAINED * torch.rand(size, 1, generator=draw) ** 2
    first = first + (level * torch.randn(first.shape, generator=draw)).to(first.device)
    named = torch.randint(len(codes), (size, 1), generator=draw)
    kept = 0.5 + 0.5 * torch.rand(size, 1, generator=draw).to(first.device)
    return torch.stack([first, kept * first + codes.of(named[:, 0])], dim=1), named


def recovery_slots(codes: Codes, size: int, draw: Generator) -> tuple[Tensor, Tensor]:
    """Make the list of a recovery question: slots (B, 1, H), titles to be named in order (B, N).

    All lists of a batch are equally long; weights fall with the order in which titles are named.
    """
    length = int(torch.randint(1, LONGEST_LIST + 1, (), generator=draw))
    titles = torch.randint(len(codes), (size, length), generator=draw)
    fall = 0.85 + 0.1 * torch.rand(size, 1, generator=draw)
    return _weighted(codes, titles, fall ** torch.arange(length))[:, None], titles


def preference_slots(codes: Codes, size: int, draw: Generator) -> tuple[Tensor, Tensor]:
    """Make the slot of a preference question: slots (B, 1, H), the title to be named (B, 1).

    A mixture of titles, of which one is named as often as its weight says: what is to be read is
    how likely each of many is, and not one title alone.
    """
    titles = torch.randint(len(codes), (size, LONGEST_LIST), generator=draw)
    fall = torch.rand(size, 1, generator=draw)
    weights = fall ** torch.arange(LONGEST_LIST)
    chosen = torch.multinomial(weights, 1, generator=draw)
    length = weights.square().sum(1, keepdim=True).sqrt()
    return _weighted(codes, titles, weights / length)[:, None], titles.gather(1, chosen)


_SLOTS = {
    "residual": residual_slots,
    "recovery": recovery_slots,
    "preference": preference_slots,
}


def _shares() -> Tensor:
    return torch.tensor(list(SHARES.values()))


def _weighted(codes: Codes, titles: Tensor, weights: Tensor) -> Tensor:
    vectors = codes.of(titles)
    return (weights.to(vectors.device)[..., None] * vectors).sum(1)


def _noisy(slots: Tensor, noise: float, draw: Generator) -> Tensor:
    """Add Gaussian noise to each slot, of a random size up to `noise`, relative to a title."""
    level = noise * torch.rand(len(slots), 1, 1, generator=draw)
    return slots + (level * torch.randn(slots.shape, generator=draw)).to(slots.device)


def _pace(share_done: float) -> float:
    """Share of the learning rate: a short rise, then half a cosine down to a twentieth."""
    rise = min(1.0, 20 * share_done + 0.01)
    return rise * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share_done)))
