"""Training of an adapter: the schedule, what moves and what does not, going on from any step."""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from adapter_examples import asked_about, new_adapter, settings
from language_models import TITLES, frozen

from recinterpreter import checkpoint
from recinterpreter.checkpoint import Progress
from recinterpreter.errors import UserError
from recinterpreter.interpretation import training
from recinterpreter.interpretation.batches import steps_per_epoch
from recinterpreter.interpretation.course import Report
from recinterpreter.interpretation.training import Asking, learning_rate, train
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.causal import Tokens
from recinterpreter.language_model.frozen import FrozenLanguageModel, Told
from recinterpreter.language_model.prompts import PromptTemplate
from recinterpreter.settings.adapters import Task


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


def trained(
    progress: Progress, steps: int | None = None, **changes: object
) -> tuple[dict[str, torch.Tensor], list[Report]]:
    """Train on 48 examples, three steps an epoch, to the end or so many reports far."""
    llm, asked = frozen(), asked_about(48, "residual")
    adapter = new_adapter(llm.hidden_size)
    chosen = settings(warm_start_steps=3, averaging=0.9, patience=2, **changes)
    course = train(adapter, llm, ["", *TITLES], asked, asked, chosen, progress)
    reports = list(islice(course, steps))
    course.close()
    return adapter.state_dict(), reports


@pytest.mark.parametrize("killed_after", [1, 2, 3, 4, 6, 9, 11])
def test_killed_at_any_step_it_ends_with_the_weights_of_one_never_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    whole, all_reports = trained(Progress(None))
    monkeypatch.setattr(training, "SAVED_EVERY", 0.0)  # after every step
    trained(Progress(tmp_path), killed_after)
    # a report is given before the step is kept, so up to one step is taken again
    resumed, reports = trained(Progress(tmp_path))
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
    ends = [r for r in reports if r.validation is not None]
    assert [replace(r, seconds=0) for r in ends] == [
        replace(r, seconds=0) for r in all_reports if r.validation is not None
    ]
    steps = [r.step for r in reports if r.validation is None]
    assert steps == list(range(steps[0], 10))
    assert steps[0] <= killed_after - killed_after // 4 + 1


def test_a_full_disk_at_a_checkpoint_loses_nothing_that_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = trained(Progress(None))
    written = checkpoint.write_tensors

    def full(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
        path.with_name(f".{path.name}.1.part").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    trained(Progress(tmp_path), 4)  # the first epoch is kept
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_tensors", full)
        with pytest.raises(OSError, match="No space"):
            trained(Progress(tmp_path))
    assert checkpoint.write_tensors is written
    resumed, reports = trained(Progress(tmp_path))
    assert reports[1].step == 4  # after the report of the first epoch
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_patience_keeps_the_best_epoch_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    # as accurate as the second the fourth is, and foretold with less loss
    told = iter([(0.2, 1.0), (0.5, 0.9), (0.4, 0.1), (0.5, 0.8), (0.5, 0.8), (0.1, 0.1), (0.9, 0)])
    kept: list[torch.Tensor] = []

    def foretold(asking: Asking, adapter: Adapter, *_: object) -> tuple[float, float]:
        kept.append(adapter.project.weight.detach().clone())
        return next(told)

    monkeypatch.setattr(Asking, "foretold", foretold)
    llm, asked = frozen(), asked_about(16, "residual")
    adapter = new_adapter(llm.hidden_size)
    chosen = settings(epochs=9, patience=2)
    reports = list(train(adapter, llm, ["", *TITLES], asked, asked, chosen, Progress(None)))
    ends = [r for r in reports if r.validation is not None]
    assert [r.validation for r in ends] == [0.2, 0.5, 0.4, 0.5, 0.5, 0.1]
    assert [r.best_epoch for r in ends] == [1, 2, 2, 4, 4, 4]
    assert torch.equal(adapter.project.weight, kept[3])


def test_without_patience_the_last_epoch_is_kept_and_averaging_is_between() -> None:
    llm, asked = frozen(), asked_about(48, "residual")

    def weight(averaging: float) -> tuple[torch.Tensor, torch.Tensor]:
        adapter = new_adapter(llm.hidden_size)
        chosen = settings(averaging=averaging, epochs=2)
        course = train(adapter, llm, ["", *TITLES], asked, asked, chosen, Progress(None))
        last = torch.empty(0)
        for report in course:
            if report.validation is None:
                last = adapter.project.weight.detach().clone()
        return last, adapter.project.weight.detach()

    last, held = weight(0.0)
    assert torch.equal(last, held)
    same_last, averaged = weight(0.99)
    assert torch.equal(same_last, last)
    start = new_adapter(llm.hidden_size).project.weight.detach()
    assert 0 < (averaged - start).norm() < (last - start).norm()


def test_small_passes_teach_what_one_pass_does(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = trained(Progress(None))
    told, sizes = FrozenLanguageModel.told, []

    def cramped(
        llm: FrozenLanguageModel,
        template: PromptTemplate,
        soft: torch.Tensor | None,
        answers: Sequence[Tokens],
    ) -> Told:
        if len(answers) > 5:
            raise torch.OutOfMemoryError
        sizes.append(len(answers))
        return told(llm, template, soft, answers)

    monkeypatch.setattr(FrozenLanguageModel, "told", cramped)
    parts, _ = trained(Progress(None))
    assert max(sizes) == 4
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, atol=1e-4, rtol=1e-4)


def test_a_loss_that_is_no_number_stops_it_and_names_the_step() -> None:
    llm, asked = frozen(), asked_about(16, "residual")
    adapter = new_adapter(llm.hidden_size)
    with torch.no_grad():
        adapter.project.weight.fill_(float("nan"))
    with pytest.raises(UserError, match=r"nan at step 1 .*adapter\.learning_rate"):
        list(train(adapter, llm, ["", *TITLES], asked, asked, settings(), Progress(None)))
