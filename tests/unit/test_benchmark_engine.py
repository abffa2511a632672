"""Benchmarks of the engine: both ways do the same work, and the GPU's needs few libraries."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

# run where nothing is installed but torch, transformers, numpy and pyarrow
BARE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
import engine.workload
import engine_gpu
engine.workload.VOCABULARY = 512
engine_gpu.DRAWN, engine_gpu.TIMED, engine_gpu.PLAIN_BATCH = 32, 1, 4
for name, value, unit in engine_gpu.main():
    print(name, value, sep="|")
"""
ABSENT = {"pydantic", "polars", "cyclopts", "snakemake"}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the benchmarks where `make bench` finds them."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_the_gpus_runs_on_four_libraries_and_gives_its_figures(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", BARE.format(absent=ABSENT)],
        cwd=BENCHMARKS,
        env={
            **{"PYTHONPATH": str(BENCHMARKS.parents[1] / "src"), "OMP_NUM_THREADS": "1"},
            **{"DEVICE": "cpu", "SIZE": "32x1", "ROUNDS": "1", "BATCH": "4", "DATA": str(tmp_path)},
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    figures = dict(line.split("|") for line in run.stdout.splitlines())
    keys = ("ratio_fp32", "ratio_bf16", "gemm_share", "minutes_per_epoch_ml100k", "peak_gib")
    assert set(keys) <= set(figures)
    assert all(float(figures[key]) > 0 for key in keys[:4])


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import engine_gpu

    from recinterpreter.errors import UserError

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no GPU here"):
        next(engine_gpu.main())


@pytest.mark.parametrize("task", ["recovery", "residual"])
def test_both_ways_do_the_same_work(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine import training, workload

    monkeypatch.setattr(workload, "VOCABULARY", 512)

    work = workload.work(task, tmp_path, 12)  # an empty folder: stand-ins
    llm = workload.random_llama(32, 1, workload.tokenizer(tmp_path), torch.float32, "cpu")
    answers = [llm.answer_tokens(work.template, titles) for titles in work.titles]
    loss, gradient = training.differences(
        workload.PaperAdapter(32),
        training.fast_loss(llm, work, answers),
        training.plain_loss(llm, work),
        np.arange(12),
    )
    assert loss < 1e-5
    assert gradient < 1e-5


def test_timed_batches_stand_for_all(tmp_path: Path) -> None:
    from engine.workload import batches, spread

    lengths = np.random.default_rng(0).integers(10, 90, 4096)
    for by_length in (False, True):
        dealt = batches(lengths, 16, by_length)
        assert sorted(np.concatenate(dealt).tolist()) == list(range(4096))
        chosen = np.concatenate(spread(dealt, lengths, 4))
        assert lengths[chosen].mean() == pytest.approx(lengths.mean(), rel=0.03)
