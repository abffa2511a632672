"""The closed-form start: ridge regression as the textbook has it, and what it makes of states."""

import logging

import numpy as np
import pytest
import torch
from adapter_examples import KINDS, POSITIONS, WIDTH, asked_about, settings
from language_models import TITLES, frozen
from torch import Tensor

from recinterpreter.interpretation.ridge import Ridge
from recinterpreter.interpretation.shown import Asked, ShownStates, soft_tokens
from recinterpreter.interpretation.starts import closed_form_start, start
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.adapters import build
from recinterpreter.language_model.codes import Codes
from recinterpreter.settings.adapters import AdapterKind, Task

CPU = torch.device("cpu")
TASKS: tuple[Task, ...] = ("residual", "recovery")


def regression(n: int, noise: float) -> tuple[Tensor, Tensor]:
    """Features (n, 9), of different spread and not centred, and targets (n, 4) made of them."""
    draw = torch.Generator().manual_seed(0)
    features = 2 + torch.randn(n, 9, generator=draw) * torch.logspace(-2, 1, 9)
    weight = torch.randn(9, 4, generator=draw)
    return features, 5 + features @ weight + noise * torch.randn(n, 4, generator=draw)


def solved(features: Tensor, targets: Tensor, intercept: bool) -> tuple[Tensor, Tensor, float]:
    ridge = Ridge(features.shape[1], targets.shape[1], CPU)
    for rows in torch.arange(len(features)).split(7):  # as it comes: in pieces
        ridge.add(features[rows], targets[rows])
    return ridge.solve(intercept)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("noise", [0.1, 30.0])
def test_ridge_is_least_squares_with_rows_for_the_penalty(intercept: bool, noise: float) -> None:
    features, targets = regression(60, noise)
    weight, bias, strength = solved(features, targets, intercept)
    x, y = features.double().numpy(), targets.double().numpy()
    # the definition of ridge regression: sqrt(strength) I below x, zeros below y, an SVD solves it
    columns = np.hstack([x, np.ones((60, 1))]) if intercept else x
    penalty = np.sqrt(strength) * np.eye(9, columns.shape[1])
    wanted, *_ = np.linalg.lstsq(
        np.vstack([columns, penalty]), np.vstack([y, np.zeros((9, 4))]), rcond=None
    )
    np.testing.assert_allclose(weight.T, wanted[:9], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(bias, wanted[9] if intercept else np.zeros(4), rtol=1e-4, atol=1e-5)


def test_its_strength_has_the_least_error_of_generalised_cross_validation() -> None:
    features, targets = regression(60, 30.0)
    *_, strength = solved(features, targets, intercept=True)
    x = (features - features.mean(0)).double().numpy()
    y = (targets - targets.mean(0)).double().numpy()

    def error(tried: float) -> float:
        """By the hat matrix itself, the mean counted as one more degree of freedom."""
        hat = x @ np.linalg.inv(x.T @ x + tried * np.eye(9)) @ x.T
        return ((y - hat @ y) ** 2).sum() / (60 - np.trace(hat) - 1) ** 2

    assert error(strength) < min(error(10 * strength), error(strength / 10))


def test_noise_asks_for_more_strength() -> None:
    strengths = [solved(*regression(60, noise), intercept=True)[2] for noise in (0.01, 300.0)]
    assert strengths[0] < strengths[1]


def planted(kind: AdapterKind, task: Task) -> tuple[Adapter, Tensor]:
    """An adapter in its closed form, and what is new in the last slot of unseen states."""
    llm = frozen()
    torch.manual_seed(0)
    chosen = settings(kind, task=task, closed_form_start=True)
    adapter = build(chosen, POSITIONS, WIDTH, llm.hidden_size, llm.embedding_rms())
    asked = asked_about(1500, task)
    adapter.fit_statistics(asked.states.batches(100), "whiten")
    start(adapter, Codes(llm, TITLES), llm.embedding_rms(), asked, chosen)
    with torch.no_grad():
        soft = soft_tokens(adapter, asked_about(200, task, seed=1).states, np.arange(200), CPU)
    assert soft is not None
    return adapter, soft[:, -1] - (soft[:, 0] if task == "residual" else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_planted_titles_are_found_in_closed_form(kind: AdapterKind) -> None:
    """States are the items' own vectors, so the difference of two states is linear in one code."""
    llm = frozen()
    _, new = planted(kind, "residual")
    codes = torch.nn.functional.normalize(Codes(llm, TITLES).of(torch.arange(len(TITLES))), dim=-1)
    told = (new.sum(1) @ codes.T).argmax(-1).tolist()
    named = asked_about(200, "residual", seed=1).items
    right = np.mean([[i + 1] == items for i, items in zip(told, named, strict=True)])
    # features of an untaught hidden layer or attention are not linear in the state, nor is the
    # state before absent from them where only the last position is looked at
    assert right > (0.95 if kind in ("conv_linear", "soft_tokens", "per_position") else 0.4)
    loudest = new.square().mean(-1).amax(1).mean().sqrt()
    assert float(loudest) == pytest.approx(llm.embedding_rms(), rel=0.1)


def test_a_history_is_the_mean_of_its_titles_in_closed_form() -> None:
    llm = frozen()
    _, new = planted("conv_linear", "recovery")
    codes = Codes(llm, TITLES).of(torch.arange(len(TITLES)))
    named = asked_about(200, "recovery", seed=1).items
    wanted = torch.stack([codes[torch.tensor(items) - 1].mean(0) for items in named])
    assert torch.nn.functional.cosine_similarity(new[:, 0], wanted).min() > 0.99


def test_positions_weigh_what_is_new_in_them() -> None:
    residual, _ = planted("conv_linear", "residual")
    recovery, _ = planted("conv_linear", "recovery")
    assert residual.combine is not None
    assert recovery.combine is not None
    assert residual.combine.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert recovery.combine.tolist() == [1.0] * POSITIONS


@pytest.mark.parametrize("task", TASKS)
def test_the_same_settings_give_the_same_start(task: Task) -> None:
    (one, _), (other, _) = planted("soft_tokens", task), planted("soft_tokens", task)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_warm_start_goes_on_from_the_closed_form() -> None:
    llm, asked = frozen(), asked_about(300, "residual")
    codes, scale = Codes(llm, TITLES), llm.embedding_rms()

    def started(**changes: object) -> Tensor:
        torch.manual_seed(0)
        chosen = settings(**changes)
        adapter = build(chosen, POSITIONS, WIDTH, llm.hidden_size, scale)
        start(adapter, codes, scale, asked, chosen)
        return adapter.project.weight.detach()

    torch.manual_seed(0)
    alone = build(settings(), POSITIONS, WIDTH, llm.hidden_size, scale)
    closed_form_start(alone, codes, scale, asked, settings())
    closed = alone.project.weight.detach()
    assert torch.equal(started(closed_form_start=True), closed)
    assert not torch.equal(started(), closed)
    both = started(closed_form_start=True, warm_start_steps=2, learning_rate=1e-4)
    assert not torch.equal(both, closed)
    torch.testing.assert_close(both / both.norm(), closed / closed.norm(), atol=2e-2, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_states_in_which_nothing_is_new_leave_the_adapter_as_it_was_drawn(
    kind: AdapterKind, caplog: pytest.LogCaptureFixture
) -> None:
    llm, asked = frozen(), asked_about(50, "residual")
    values, mask = asked.states.values, asked.states.mask
    assert isinstance(values, np.ndarray)
    same = np.zeros_like(values[:, 0])[:, None].repeat(2, 1)
    alike = Asked(ShownStates(asked.states.example_ids, same, mask), asked.items)
    chosen = settings(kind, closed_form_start=True)
    torch.manual_seed(0)
    adapter = build(chosen, POSITIONS, WIDTH, llm.hidden_size, llm.embedding_rms())
    drawn = {name: tensor.clone() for name, tensor in adapter.state_dict().items()}
    logging.getLogger("recinterpreter").propagate = True
    with caplog.at_level("WARNING", logger="recinterpreter"):
        start(adapter, Codes(llm, TITLES), llm.embedding_rms(), alike, chosen)
    assert "nothing is new" in caplog.text
    assert all(torch.equal(drawn[name], t) for name, t in adapter.state_dict().items())
