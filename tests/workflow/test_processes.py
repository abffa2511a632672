"""One adapter trained by several processes: the same files, and nothing else done again."""

import torch
from conftest import Workflow

from recinterpreter.checkpoint import read_json, read_tensors

ADAPTER = "results/demo/embedded/adapters/sasrec/residual/conv_linear/seed0"
TOGETHER = ("--config", "adapter={processes: 2}")


def test_two_processes_write_one_adapter(spoilable: Workflow) -> None:
    # the page shows the whole configuration; no result depends on this
    assert spoilable.stale(*TOGETHER) == {"write_report": 1}
    folder = spoilable.folder / ADAPTER
    weights, config = folder / "adapter.safetensors", folder / "config.json"
    alone, noted = read_tensors(weights), read_json(config)
    weights.unlink()
    run = spoilable.run(f"{ADAPTER}/adapter.safetensors", *TOGETHER)
    assert run.returncode == 0, run.stdout
    together = read_tensors(weights)
    for name, tensor in alone.items():
        torch.testing.assert_close(together[name], tensor, atol=1e-4, rtol=1e-3)
    assert read_json(config)["settings"] == noted["settings"]
    log = spoilable.folder / "results/logs/demo/train_adapter"
    told = (log / "embedded.sasrec.residual.conv_linear.seed0.log").read_text()
    assert told.count("validation accuracy") == 1  # one of the two reports
    assert not any((spoilable.folder / "results/.work").glob("train_adapter-*/*"))
