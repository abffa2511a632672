"""Training of an adapter: the schedule, what moves and what does not, going on from any step."""

from pathlib import Path

import pytest
import torch
from adapter_examples import asked_about, new_adapter, settings
from language_models import TITLES, frozen

from recinterpreter.checkpoint import Progress
from recinterpreter.errors import UserError
from recinterpreter.interpretation.batches import steps_per_epoch
from recinterpreter.interpretation.training import learning_rate, train
from recinterpreter.settings import Task


def test_the_papers_schedule() -> None:
    chosen = settings(learning_rate_first=1e-4, learning_rate=5e-4, rising_epochs=5)
    rates = [learning_rate(chosen, epoch) for epoch in range(7)]
    assert rates == pytest.approx([1e-4, 2e-4, 3e-4, 4e-4, 5e-4, 5e-4, 5e-4])
    assert steps_per_epoch(chosen, 33) == 3
    assert steps_per_epoch(settings(examples_per_epoch=16), 33) == 1


@pytest.mark.parametrize("task", ["residual", "recovery"])
def test_training_moves_every_part_and_leaves_the_llm_bitwise(task: Task) -> None:
    llm = frozen()
    weights = {name: tensor.clone() for name, tensor in llm.model.state_dict().items()}
    adapter = new_adapter(llm.hidden_size)
    start = {name: p.detach().clone() for name, p in adapter.named_parameters()}
    asked = asked_about(32, task)
    reports = list(
        train(adapter, llm, ["", *TITLES], asked, asked, settings(task=task), Progress(None))
    )
    assert all(not torch.equal(start[n], p) for n, p in adapter.named_parameters())
    assert all(torch.equal(weights[n], t) for n, t in llm.model.state_dict().items())
    ends = [r for r in reports if r.validation is not None]
    assert len(ends) == 3
    assert ends[-1].loss < ends[0].loss


def test_resumed_training_equals_uninterrupted(tmp_path: Path) -> None:
    llm, asked, titles = frozen(), asked_about(48, "residual"), ["", *TITLES]
    chosen = settings(warm_start_steps=3)
    whole, killed, resumed = (new_adapter(llm.hidden_size) for _ in range(3))
    list(train(whole, llm, titles, asked, asked, chosen, Progress(None)))
    steps = train(killed, llm, titles, asked, asked, chosen, Progress(tmp_path))
    for _ in range(6):  # into the second epoch
        next(steps)
    list(train(resumed, llm, titles, asked, asked, chosen, Progress(tmp_path)))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_loss_that_is_no_number_stops_it_and_names_the_step() -> None:
    llm, asked = frozen(), asked_about(16, "residual")
    adapter = new_adapter(llm.hidden_size)
    with torch.no_grad():
        adapter.project.weight.fill_(float("nan"))
    with pytest.raises(UserError, match=r"nan at step 1 .*adapter\.learning_rate"):
        list(train(adapter, llm, ["", *TITLES], asked, asked, settings(), Progress(None)))
