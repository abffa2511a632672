"""What training will take is said before it starts, and agrees with what it then takes."""

import copy
import time

import numpy as np
import pytest
import torch
from adapter_examples import POSITIONS, WIDTH, asked_about, settings
from language_models import TITLES, frozen

from recinterpreter.checkpoint import Progress
from recinterpreter.costs.expectation import Expectation, expectation, expected, try_out
from recinterpreter.costs.memory import activations, resident
from recinterpreter.costs.probe import Tally, probe
from recinterpreter.costs.workload import Workload, answer_lengths, workload
from recinterpreter.interpretation.training import train
from recinterpreter.language_model.adapter import Adapter
from recinterpreter.language_model.adapters import build
from recinterpreter.language_model.cost import sizes
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.settings.adapters import AdapterTraining

NAMES = ["", *TITLES]


def made(llm: FrozenLanguageModel, how: AdapterTraining) -> Adapter:
    return build(how, POSITIONS, WIDTH, llm.hidden_size, llm.embedding_rms())


def foreseen(llm: FrozenLanguageModel, how: AdapterTraining, n: int = 96) -> Expectation:
    asked = asked_about(n, how.task)
    return expectation(made(llm, how), llm, NAMES, asked, asked_about(20, how.task, 1), how)


def test_tokens_are_those_that_training_computes() -> None:
    llm, how = frozen(), settings(epochs=1)
    asked, adapter = asked_about(64, "residual"), made(llm, how)
    work = workload(llm, how, NAMES, asked.items, 1, (64, 20))
    reports = list(train(adapter, llm, NAMES, asked, asked, how, Progress(None)))
    assert work.examples == 64
    # what is computed is padded within a batch
    assert 0.75 < 64 * work.tokens / reports[-1].tokens <= 1.02
    assert work.targets == answer_lengths(llm, how, NAMES, asked.items).mean()


def test_an_epoch_is_as_large_as_the_settings_say() -> None:
    llm, how = frozen(), settings(examples_per_epoch=40)
    items = asked_about(96, "residual").items
    assert workload(llm, how, NAMES, items, 1, (96, 20)).examples == 40
    assert workload(llm, how, NAMES, items, 1, (30, 20)).examples == 30


def test_every_soft_token_of_every_slot_is_read() -> None:
    llm, how = frozen(), settings()
    items = asked_about(8, "residual").items
    one, four = (workload(llm, how, NAMES, items, soft, (8, 8)).tokens for soft in (1, 4))
    assert four - one == 2 * 3


def test_the_expected_time_is_near_that_of_training() -> None:
    llm, how = frozen(hidden_size=64, layers=3), settings(epochs=2, batch_size=16)
    asked, watched = asked_about(160, "residual"), asked_about(32, "residual", 1)
    adapter = made(llm, how)
    # other work on the machine only ever adds: of each, the least of a few
    told = min(expectation(adapter, llm, NAMES, asked, watched, how).total for _ in range(3))
    took = []
    for _ in range(2):
        began = time.perf_counter()
        list(train(copy.deepcopy(adapter), llm, NAMES, asked, watched, how, Progress(None)))
        took.append(time.perf_counter() - began)
    assert 0.4 < told / min(took) < 2.5


def test_nothing_is_changed_by_trying() -> None:
    llm, how = frozen(), settings(warm_start_steps=3)
    asked, adapter = asked_about(64, "residual"), made(llm, how)
    before = copy.deepcopy(adapter.state_dict())
    torch.manual_seed(5)
    expectation(adapter, llm, NAMES, asked, asked, how)
    drawn = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(3))
    for name, tensor in adapter.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_what_is_kept_for_the_way_back_is_counted() -> None:
    weights = torch.nn.Linear(30, 30).requires_grad_(False)
    tally = Tally(weights)
    x = torch.ones(10, 30, requires_grad=True)
    with tally.counting():
        y = weights(x).sigmoid()  # keeps its result, 10 * 30 numbers; the layer its weights alone
        z = (y.view(-1) * 1.0).exp()  # another 300
        z.sum().backward()
        first = tally.most
        (weights(x).sigmoid()).sum().backward()
    assert first == 2 * 300 * 4
    assert tally.most == first  # what was let go of does not add up


@pytest.mark.parametrize("layers", [1, 3])
def test_the_rule_for_activations_is_near_what_is_counted(layers: int) -> None:
    llm, how = frozen(hidden_size=128, heads=4, layers=layers), settings(batch_size=16)
    asked = asked_about(32, "residual")
    held = probe(made(llm, how), llm, NAMES, asked, how, 16).held
    longest = answer_lengths(llm, how, NAMES, asked.items).max()
    work = workload(llm, how, NAMES, asked.items, 1, (32, 32))
    tokens = 16 * (work.tokens - work.targets + longest)
    # keys and values of the prefix, and what is kept about logits, are beside the rule
    assert held == pytest.approx(activations(sizes(llm.model.config), llm, tokens), rel=0.25)


def test_where_trying_takes_too_long_there_is_arithmetic() -> None:
    llm, how = frozen(), settings(batch_size=10, epochs=2)
    asked = asked_about(40, "residual")
    assert try_out(made(llm, how), llm, NAMES, asked, how, 1e15, 1e9, 1.0) is None
    found = sizes(llm.model.config)
    work = Workload(examples=40, validated=0, prefix=5, tokens=20, targets=8)
    told = expected(work, found, how, 1e9, {}, None)
    assert told.total == pytest.approx(2 * 40 * work.training(found) / 0.6e9)
    assert told.step == pytest.approx(10 * work.training(found) / 0.6e9)
    assert not told.tried


def test_it_says_all_of_it_in_a_line() -> None:
    told = foreseen(frozen(), settings(task="recovery"))
    line = str(told)
    assert "\n" not in line
    assert line.startswith("expected: ")
    for words in ("FLOP and ", " an epoch, ", " in all, ", " MB at most", "FLOP/s here"):
        assert words in line
    assert told.memory["before"] > 50e6  # an interpreter with torch


def test_memory_that_is_taken_is_resident() -> None:
    before = resident()
    taken = np.ones(8_000_000)
    assert resident() - before == pytest.approx(taken.nbytes, rel=0.2)
