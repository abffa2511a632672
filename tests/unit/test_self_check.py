"""What an adapter finds wrong with itself before it is trained."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from adapter_examples import KINDS, POSITIONS, WIDTH, asked_about, settings
from torch import Tensor, nn

from recinterpreter.errors import UserError
from recinterpreter.interpretation.self_check import check_adapter
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.adapters import PerPositionAdapter, build
from recinterpreter.settings.adapters import AdapterKind

STATES = asked_about(100, "residual").states
SCALE = 0.3


def made(kind: AdapterKind) -> Adapter:
    torch.manual_seed(0)
    return build(settings(kind), POSITIONS, WIDTH, 32, SCALE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_adapter_passes_and_stays_as_it_is(
    kind: AdapterKind, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = made(kind)
    before = {name: tensor.clone() for name, tensor in adapter.state_dict().items()}
    drawn = torch.get_rng_state()
    with caplog.at_level(logging.INFO):
        found = check_adapter(adapter, STATES, SCALE)
    assert SCALE / 3 < found < 3 * SCALE
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert all(torch.equal(before[n], tensor) for n, tensor in adapter.state_dict().items())
    assert all(parameter.grad is None for parameter in adapter.parameters())
    assert torch.equal(drawn, torch.get_rng_state())


@pytest.mark.parametrize("factor", [1e-2, 1e2])
def test_a_scale_far_from_the_llms_is_a_warning(
    factor: float, caplog: pytest.LogCaptureFixture
) -> None:
    found = check_adapter(made("conv_linear"), STATES, SCALE * factor)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"{found:.3g}" in record.message


def test_full_histories_check_what_speaks_for_hidden_positions_too() -> None:
    full = asked_about(100, "recovery").states
    assert full.mask.all()
    check_adapter(made("per_position"), full, SCALE)


class _Deaf(PerPositionAdapter):
    """One of its parameters is never used."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes, scale=SCALE)
        self.unheard = nn.Parameter(torch.ones(3))


class _Cut(PerPositionAdapter):
    """The gradient of what stands for hidden positions is cut off."""

    def _features(self, states: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask[..., None], self.standard(states, mask), self.nothing.detach())


def test_a_parameter_without_a_gradient_is_named() -> None:
    with pytest.raises(RuntimeError, match="_Deaf: no gradient reaches unheard"):
        check_adapter(_Deaf(POSITIONS, WIDTH, 32), STATES, SCALE)
    with pytest.raises(RuntimeError, match="_Cut: no gradient reaches nothing"):
        check_adapter(_Cut(POSITIONS, WIDTH, 32, SCALE), STATES, SCALE)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_number_is_told(kind: AdapterKind) -> None:
    assert isinstance(STATES.values, np.ndarray)
    spoiled = STATES.values.copy()
    spoiled[3, 1, -1, 0] = np.nan
    with pytest.raises(UserError, match="some states are not finite"):
        check_adapter(made(kind), replace(STATES, values=spoiled), SCALE)
    adapter = made(kind)
    with torch.no_grad():
        adapter.project.weight[0, 0] = float("inf")
    with pytest.raises(UserError, match=r"soft tokens that are not finite.*adapter\.standardise"):
        check_adapter(adapter, STATES, SCALE)


def test_states_of_another_shape_are_told() -> None:
    narrow = replace(STATES, values=STATES.values[..., 1:])  # type: ignore[index]
    with pytest.raises(UserError, match=r"\(4, 23\).*\(4, 24\)"):
        check_adapter(made("q_former"), narrow, SCALE)
