"""The fast path against the plain way: the same losses, gradients and answers."""

import pytest
import torch
from language_models import TITLES, frozen, random_soft

from recinterpreter.language_model import plain
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate, templates
from recinterpreter.settings.adapters import Task

TASKS: tuple[Task, ...] = ("recovery", "residual")
PHRASINGS = [template for task in TASKS for template in templates(task, "movies")]
# ragged: answers of one to four titles of very different lengths
NAMED = [TITLES[:1], TITLES[2:6], TITLES[5:6], TITLES[6:9], TITLES[9:11]]


def both_ways(
    llm: FrozenLanguageModel, template: PromptTemplate, tokens: int = 1
) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Loss and gradient of the soft tokens, the fast way and the plain way."""
    ways = []
    for fast in (True, False):
        soft = random_soft(llm, len(NAMED), template.slots, tokens).requires_grad_()
        if fast:
            answers = [llm.answer_tokens(template, named) for named in NAMED]
            loss, _ = llm.loss(template, soft, answers)
        else:
            loss = plain.loss(llm, template, soft, NAMED)
        (gradient,) = torch.autograd.grad(loss, soft)
        ways.append((loss.detach(), gradient))
    return ways[0], ways[1]


@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize("template", PHRASINGS, ids=lambda template: template.name)
def test_losses_and_gradients_are_those_of_the_plain_way(
    template: PromptTemplate, tokens: int
) -> None:
    (loss, gradient), (wanted_loss, wanted_gradient) = both_ways(frozen(), template, tokens)
    torch.testing.assert_close(loss, wanted_loss, atol=1e-5, rtol=1e-5)
    largest = wanted_gradient.abs().max()
    assert largest > 0
    assert (gradient - wanted_gradient).abs().max() < 1e-5 * largest


@pytest.mark.parametrize("template", PHRASINGS, ids=lambda template: template.name)
def test_half_precision_agrees_to_its_own_rounding(template: PromptTemplate) -> None:
    exact = frozen()
    (wanted_loss, wanted_gradient), _ = both_ways(exact, template)
    (loss, gradient), (plain_loss, plain_gradient) = both_ways(
        FrozenLanguageModel(exact.model.bfloat16(), exact.tokenizer), template
    )
    # as near to the exact figures as the plain way comes with the same rounding, or nearer than 1 %
    assert abs(loss - wanted_loss) < max(2 * abs(plain_loss - wanted_loss), 0.01 * wanted_loss)
    distance = (gradient - wanted_gradient).norm() / wanted_gradient.norm()
    plain_distance = (plain_gradient - wanted_gradient).norm() / wanted_gradient.norm()
    assert distance < 2 * plain_distance + 0.01


def test_which_answers_are_foretold_is_what_the_logits_say() -> None:
    llm, template = frozen(), PHRASINGS[0]
    soft = random_soft(llm, 3, 1)
    answers = [llm.answer_tokens(template, named) for named in NAMED[:3]]
    # an answer the model itself would give: greedy, token by token, with an end put after it
    question = llm.question(template, soft[:1], 1)
    own: list[int] = []
    for _ in range(4):
        written = llm.embed([own]) if own else question[:, :0]
        logits = llm.model(inputs_embeds=torch.cat([question, written], dim=1)).logits
        own.append(int(logits[0, -1].argmax()))
    told = llm.told(template, soft, [own, *answers[1:]])
    assert told.right.tolist() == [True, False, False]
    assert told.n_tokens == 4 + sum(len(a) for a in answers[1:])


def test_the_prefix_is_read_once_per_template_and_shared() -> None:
    llm = frozen()
    first = llm.prefix(PHRASINGS[0])
    assert first is llm.prefix(PHRASINGS[0])
    assert first is not llm.prefix(PHRASINGS[1])
    assert first is not None
    length = first.get_seq_length()
    llm.loss(PHRASINGS[0], random_soft(llm, 2, 1), [[5, 6], [7, 8]])
    assert first.get_seq_length() == length  # it keeps nothing of what came after it
