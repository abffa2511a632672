"""The adapter: its arithmetic, its gradients, its training against known codes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from adapter_examples import POSITIONS, WIDTH, asked_about, new_adapter, settings
from language_models import TITLES, frozen

from recinterpreter import schemas, tables
from recinterpreter.errors import UserError
from recinterpreter.interpretation.shown import read_states, soft_tokens
from recinterpreter.interpretation.starts import warm_start
from recinterpreter.language_model.adapter import capacity
from recinterpreter.language_model.codes import Codes
from recinterpreter.settings.adapters import Task


def test_its_arithmetic_is_a_weighted_sum_and_a_linear_map() -> None:
    adapter = new_adapter(8)
    draw = torch.Generator().manual_seed(0)
    states = 3 + 2 * torch.randn(50, POSITIONS, WIDTH, generator=draw)
    mask = torch.rand(50, POSITIONS, generator=draw) < 0.7
    with torch.no_grad():
        adapter.combine.copy_(torch.tensor([0.5, -1.0, 2.0, 0.0]))
    adapter.fit_statistics([(states[:20], mask[:20]), (states[20:], mask[20:])], "dimension")
    soft = adapter(states, mask)
    assert soft.shape == (50, 1, 8)
    standard = (states - states[mask].mean(0)) / states[mask].std(0, correction=0)
    for i in range(3):
        weights = adapter.combine.tolist()
        total = sum(weights[p] * standard[i, p] for p in range(4) if mask[i, p])
        wanted = torch.as_tensor(total) @ adapter.project.weight.T + adapter.project.bias
        torch.testing.assert_close(soft[i, 0], wanted, atol=1e-3, rtol=1e-3)


def test_whitened_states_have_unit_variance_in_every_direction() -> None:
    draw = torch.Generator().manual_seed(0)
    mixed = torch.randn(WIDTH, WIDTH, generator=draw)
    states = 5 + torch.randn(4000, POSITIONS, WIDTH, generator=draw) @ mixed
    mask = torch.rand(4000, POSITIONS, generator=draw) < 0.5
    adapter = new_adapter(8)
    adapter.fit_statistics([(states, mask)], "whiten")
    white = (states[mask] - adapter.mean) @ adapter.standardise
    torch.testing.assert_close(torch.cov(white.T), torch.eye(WIDTH), atol=0.05, rtol=0)
    constant = states * (torch.arange(WIDTH) > 0)  # a dimension that never varies
    adapter.fit_statistics([(constant, mask)], "whiten")
    assert torch.isfinite(adapter(constant, mask)).all()
    untouched = new_adapter(8)
    untouched.fit_statistics([(states, mask)], "none")
    torch.testing.assert_close(untouched(states, mask), new_adapter(8)(states, mask))


def test_what_the_mask_hides_has_no_say_and_scale_is_as_asked() -> None:
    adapter = new_adapter(64)
    states = torch.randn(200, POSITIONS, WIDTH)
    mask = torch.ones(200, POSITIONS, dtype=torch.bool)
    assert float(adapter(states, mask).detach().square().mean().sqrt()) == pytest.approx(
        0.2, rel=0.2
    )
    mask[:, 2] = False
    changed = states.clone()
    changed[:, 2] = 1e6
    torch.testing.assert_close(adapter(states, mask), adapter(changed, mask))


def test_capacity_of_the_paper() -> None:
    assert capacity(64, 4096, 1682) == pytest.approx(156, abs=1)


@pytest.mark.parametrize("task", ["residual", "recovery"])
def test_warm_start_points_to_the_named_titles_at_the_llms_scale(task: Task) -> None:
    llm = frozen()
    adapter, asked, unseen = new_adapter(32), asked_about(400, task), asked_about(100, task, seed=1)
    codes = Codes(llm, TITLES)
    chosen = settings(task=task, warm_start_steps=300, batch_size=64)
    warm_start(adapter, codes, llm.embedding_rms(), asked, chosen)
    with torch.no_grad():
        soft = soft_tokens(adapter, unseen.states, np.arange(100), llm.device)
        assert soft is not None
        shown = soft[:, -1, 0] - (soft[:, 0, 0] if task == "residual" else 0)
        nearest = (shown @ codes.of(torch.arange(len(TITLES))).T).argmax(-1).numpy() + 1
    right = np.mean([item in named for item, named in zip(nearest, unseen.items, strict=True)])
    assert right > 0.9  # by chance 1/12, at most 4/12
    assert float(shown.square().mean().sqrt()) == pytest.approx(llm.embedding_rms(), rel=0.3)


def test_states_are_shown_with_the_last_item_at_the_right(tmp_path: Path) -> None:
    lengths = np.array([4, 1, 3])
    after_mask = np.arange(POSITIONS) < lengths[:, None]
    before_mask = np.arange(POSITIONS) < lengths[:, None] - 1
    after = (np.arange(POSITIONS)[:, None] + np.zeros((3, 1, 2))) * after_mask[..., None]
    path = tmp_path / "states.parquet"
    tables.write(
        path,
        {
            "example_id": np.array([7, 3, 5]),
            "before": (after * before_mask[..., None]).reshape(3, -1).astype(np.float32),
            "after": after.reshape(3, -1).astype(np.float32),
            "before_mask": before_mask,
            "after_mask": after_mask,
        },
        schemas.states_schema(POSITIONS, 2),
        {"shape": [POSITIONS, 2]},
    )
    shown = read_states(path, "residual")
    assert shown.example_ids.tolist() == [3, 5, 7]
    assert shown.values is not None
    assert shown.mask.astype(int).tolist() == [
        [[0, 0, 0, 0], [0, 0, 0, 1]],
        [[0, 1, 1, 0], [0, 1, 1, 1]],
        [[1, 1, 1, 0], [1, 1, 1, 1]],
    ]
    assert shown.values[1, 1, :, 0].tolist() == [0, 0, 1, 2]
    assert shown.values[1, 0, :, 0].tolist() == [0, 0, 1, 0]
    only = read_states(path, "recovery", np.array([7, 8]))
    assert only.example_ids.tolist() == [7]
    assert only.mask.shape == (1, 1, POSITIONS)
    with pytest.raises(UserError, match="none of the examples"):
        read_states(path, "recovery", np.array([99]))
