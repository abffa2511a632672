"""`recinterpreter estimate`: tables of what adapters will take, without any weight."""

from pathlib import Path

import pytest
import torch
from adapter_examples import POSITIONS, WIDTH, asked_about, settings
from language_models import TITLES, frozen
from transformers import LlamaConfig

from recinterpreter import cli, schemas, tables
from recinterpreter.costs.estimate import estimate
from recinterpreter.costs.expectation import try_out
from recinterpreter.costs.trial import Trial
from recinterpreter.costs.workload import Workload
from recinterpreter.errors import UserError
from recinterpreter.estimate import lines
from recinterpreter.language_model.adapters import build
from recinterpreter.language_model.cost import sizes
from recinterpreter.language_model.thin import outline, thin
from recinterpreter.overlays import read_settings
from recinterpreter.settings.language_model import Loading

TINY = Path(__file__).parents[1] / "configs" / "tiny.yaml"
CPU = torch.device("cpu")
LOADING = Loading(revision=None, precision="auto", weights="full")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with the examples of a data set, and nothing else."""
    folder = tmp_path / "results"
    rows = [
        {
            **{"example_id": i, "user_id": i, "position": 3, "time": i, "target": 5},
            "history": [1 + i % 12, 1 + (i + 1) % 12, 1 + (i + 5) % 12],
            "split": "train" if i <= 40 else "validation" if i <= 50 else "test",
        }
        for i in range(1, 61)
    ]
    tables.write_rows(folder / "demo/examples.parquet", rows, schemas.EXAMPLES)
    named = [
        {"item_id": i, "source_id": str(i), "raw_title": title, "title": title}
        for i, title in enumerate(TITLES, start=1)
    ]
    tables.write_rows(folder / "demo/items.parquet", named, schemas.ITEMS)
    return folder


@pytest.fixture
def seven_billion(tmp_path: Path) -> Path:
    """A folder with LLaMA-7B's configuration and some tokenizer, but no weights."""
    folder = tmp_path / "llama-7b"
    frozen().tokenizer.save_pretrained(folder)
    LlamaConfig(
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=32,
        num_attention_heads=32,
        vocab_size=32000,
        dtype="float16",
    ).save_pretrained(folder)
    return folder


def test_every_task_and_shape_of_states_has_its_table(results: Path) -> None:
    chosen = read_settings([TINY], ["recommenders={seeds: [0, 1]}"])
    found = list(estimate(chosen, results))
    # Caser has states of a shape of its own
    cells = {(e.task, e.shape): e.trainings for e in found}
    assert cells == {
        (task, shape): n
        for task in ("recovery", "residual", "preference")
        for shape, n in (((10, 8), 8), ((1, 12), 2))
    }
    for each in found:
        assert each.training.tried
        assert each.training.work.examples == 32
        assert each.training.total >= each.training.epoch > each.training.step > 0
        assert each.answering > 0
        table = "\n".join(lines(each, chosen))
        for words in ("timed on thin models", "FLOP an epoch", "libraries", "32, 1 epochs"):
            assert words in table


def test_llama_7b_is_reckoned_without_weights(results: Path, seven_billion: Path) -> None:
    chosen = read_settings([TINY], [f"llm={{source: {seven_billion}}}"])
    found = {each.task: each for each in estimate(chosen, results)}
    each = found["recovery"].training
    assert not each.tried or torch.cuda.is_available()
    assert each.flops / each.work.tokens == pytest.approx(4 * 6.476e9, rel=0.05)
    assert each.memory["weights"] == pytest.approx(6.738e9 * (2 if each.tried else 4), rel=1e-3)
    assert each.total > 100 * found["recovery"].training.flops / 1e15


def test_packed_weights_take_less(results: Path, seven_billion: Path) -> None:
    def weights(how: str) -> float:
        llm = f"llm={{source: {seven_billion}, precision: bfloat16, weights: {how}}}"
        chosen = read_settings([TINY], [llm, "adapter={tasks: [residual]}"])
        return next(iter(estimate(chosen, results))).training.memory["weights"]

    assert weights("full") == pytest.approx(13.5e9, rel=0.01)
    assert weights("int4") == pytest.approx(3.2e9 + 0.52e9, rel=0.02)


def test_what_is_missing_is_named_with_what_makes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["estimate", "--results", str(tmp_path)])
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert "snakemake" in told
    assert "demo/examples.parquet" in told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--config", "adapter"], "wanted KEY=VALUE"),
        (["--config", "adapter={epochs: no}"], "adapter.epochs"),
        (["--configfile", "missing.yaml"], "missing.yaml: no such file"),
        (["--config", "llm={source: ./nowhere}"], "nowhere"),
    ],
)
def test_a_mistake_is_told(
    given: list[str], told: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["estimate", "--results", str(results), *given])
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_settings_are_overlaid_key_by_key() -> None:
    chosen = read_settings([TINY], ["adapter={epochs: 7}", "llm={embedded: {layers: 5}}"])
    assert (chosen.adapter.epochs, chosen.adapter.batch_size) == (7, 16)
    assert (chosen.llm.embedded.layers, chosen.llm.embedded.hidden_size) == (5, 16)


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    LlamaConfig().save_pretrained(tmp_path)
    with pytest.raises(UserError, match="no tokenizer"):
        outline(str(tmp_path), LOADING)


def test_bytes_extend_exactly_from_three_layers_to_all() -> None:
    whole, how = frozen(layers=7), settings()
    asked = asked_about(96, "residual")
    adapter = build(how, POSITIONS, WIDTH, whole.hidden_size, 1.0)
    work = Workload(examples=96, validated=10, prefix=5, tokens=20, targets=9)
    trial = Trial(whole, CPU, torch.float32, rate=1e11)
    extended = trial.training(adapter, ["", *TITLES], asked, how, work)
    real = thin(whole, 7, CPU, torch.float32)
    flops = work.training(sizes(real.model.config))
    tried = try_out(adapter, real, ["", *TITLES], asked, how, flops, 1e11, 3.0)
    assert extended is not None
    assert tried is not None
    assert extended.held == pytest.approx(tried.held, rel=0.01)
    assert extended.step > 0
