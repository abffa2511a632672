"""From a thousand to a hundred thousand samples: speed and memory of one epoch, a process each.

The states lie in a Parquet table and are read in a stream, as train_adapter does; the LLM is tiny,
so that what could grow is seen.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from recinterpreter.errors import UserError

ROOT = Path(__file__).parents[3]
SIZES = (1_000, 10_000, 100_000)
POSITIONS, WIDTH, ITEMS = 10, 64, 200

Figure = tuple[str, float, str]


def main() -> Iterator[Figure]:
    rates, peaks = [], []
    with TemporaryDirectory() as folder:
        for n in SIZES:
            path = Path(folder) / f"{n}.parquet"
            _write_states(path, n)
            run = subprocess.run(
                [sys.executable, "-m", "engine.growth", str(path)],
                cwd=Path(__file__).parents[1],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            if run.returncode:
                raise UserError(f"an epoch of {n} samples failed: {run.stderr.strip()[-500:]}")
            found = json.loads(run.stdout.splitlines()[-1])
            rates.append(found["samples_per_s"])
            peaks.append(found["peak_mib"])
            yield f"{n} samples", rates[-1], "samples/s"
            yield f"{n} samples, table of states", path.stat().st_size / 2**20, "MiB"
            yield f"{n} samples, peak memory", peaks[-1], "MiB"
    yield "speed, most / least samples", rates[-1] / rates[0], ""
    yield "memory, most - least samples", peaks[-1] - peaks[0], "MiB"


def _write_states(path: Path, n: int) -> None:
    from recinterpreter import schemas, tables

    random = np.random.default_rng(0)
    schema = schemas.states_schema(POSITIONS, WIDTH, "float16")
    mask = np.ones((1, POSITIONS), bool)
    with tables.Writer(path, schema, {"shape": [POSITIONS, WIDTH]}) as writer:
        for start in range(0, n, 1000):
            rows = min(1000, n - start)
            before, after = random.normal(size=(2, rows, POSITIONS * WIDTH)).astype(np.float16)
            writer.write(
                {
                    "example_id": np.arange(start + 1, start + rows + 1),
                    "before": before,
                    "after": after,
                    "before_mask": mask.repeat(rows, 0),
                    "after_mask": mask.repeat(rows, 0),
                }
            )


def _one_epoch(path: Path) -> dict[str, float]:
    import yaml

    from recinterpreter.checkpoint import Progress
    from recinterpreter.configuration import load
    from recinterpreter.interpretation.ragged import Ragged
    from recinterpreter.interpretation.shown import Asked, read_states
    from recinterpreter.interpretation.training import train
    from recinterpreter.language_model.adapters import build
    from recinterpreter.language_model.embedded import make_model, make_tokenizer
    from recinterpreter.language_model.frozen import FrozenLanguageModel
    from recinterpreter.language_model.prompts import phrases
    from recinterpreter.settings.language_model import EmbeddedLLM

    titles = [f"Film {i}" for i in range(ITEMS)]
    tokens = make_tokenizer(titles, phrases("movies"), 400)
    sizes = EmbeddedLLM(
        **{"seed": 0, "hidden_size": 32, "layers": 1, "heads": 1, "vocabulary": 400, "steps": 1},
        **{"batch_size": 1, "learning_rate": 1e-3, "noise": 0.0},
    )
    llm = FrozenLanguageModel(make_model(sizes, tokens), tokens)
    shipped = load(yaml.safe_load((ROOT / "config.yaml").read_text()), {})
    settings = shipped.adapter_training("demo", "residual", "conv_linear", "0").model_copy(
        update={"epochs": 1, "batch_size": 256, "examples_per_epoch": None, "warm_start_steps": 0}
    )
    shown = read_states(path, "residual", scratch=path.parent)
    random = np.random.default_rng(0)
    asked = Asked(shown, Ragged(random.integers(1, ITEMS, (len(shown), 1))))
    few = read_states(path, "residual", np.arange(1, 101))
    validation = Asked(few, Ragged(random.integers(1, ITEMS, (100, 1))))
    adapter = build(settings, POSITIONS, WIDTH, llm.hidden_size, llm.embedding_rms())
    adapter.fit_statistics(shown.batches(1024), "whiten")
    *_, last = train(adapter, llm, ["", *titles], asked, validation, settings, Progress(None))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"samples_per_s": last.samples / last.seconds, "peak_mib": peak}


if __name__ == "__main__":
    print(json.dumps(_one_epoch(Path(sys.argv[1]))))
