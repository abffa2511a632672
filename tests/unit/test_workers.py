"""Several processes that train one adapter: the weights of one process with the same batches."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from adapter_examples import asked_about, new_adapter, settings
from language_models import TITLES, frozen

from recinterpreter.checkpoint import Progress, read_tensors, write_tensors
from recinterpreter.command import end
from recinterpreter.interpretation.training import train
from recinterpreter.interpretation.workers import Workers

HERE = Path(__file__).parent


def learn(folder: Path, interrupted: bool = False) -> None:
    """Train as one of several processes; the one that leads writes the adapter."""
    workers = Workers.join()
    llm, asked = frozen(), asked_about(45, "residual")  # 45: batches of 16, 16, 13
    torch.manual_seed(workers.rank)  # what is drawn outside must not matter
    adapter = new_adapter(llm.hidden_size)
    if not workers.leads:  # nor where the others begin
        torch.nn.init.zeros_(adapter.project.weight)
    progress = Progress(folder / "progress")
    course = train(
        adapter, llm, ["", *TITLES], asked, asked, settings(patience=2), progress, workers
    )
    for report in course:
        if interrupted and report.step == 5:
            os.kill(os.getpid(), signal.SIGKILL)
    if workers.leads:
        write_tensors(folder / "adapter.safetensors", adapter.state_dict())
    workers.leave()
    end()


def test_two_processes_killed_and_resumed_learn_what_one_does(tmp_path: Path) -> None:
    alone, asked = new_adapter(32), asked_about(45, "residual")
    reports = list(
        train(alone, frozen(), ["", *TITLES], asked, asked, settings(patience=2), Progress(None))
    )
    assert reports[-1].validation is not None
    for way, ends_well in (("interrupted", False), ("whole", True)):
        run = subprocess.run(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
                *("--nproc-per-node", "2", str(HERE / "test_workers.py"), str(tmp_path), way),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert (run.returncode == 0) == ends_well, run.stderr
        if not ends_well:
            assert "SIGKILL" in run.stderr
    together = read_tensors(tmp_path / "adapter.safetensors")
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(together[name], tensor, atol=1e-5, rtol=1e-4)


def test_every_row_is_somebodys_share() -> None:
    rows = np.arange(13)
    shares = [Workers(rank, 4).share(rows) for rank in range(4)]
    assert sorted(np.concatenate(shares).tolist()) == rows.tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


if __name__ == "__main__":
    learn(Path(sys.argv[1]), sys.argv[2] == "interrupted")
