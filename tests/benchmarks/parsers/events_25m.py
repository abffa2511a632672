"""Tables of one's own, as long as MovieLens-25M's: from CSV to examples.

The stages run as the workflow runs them, each in a process of its own.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

N_USERS, N_ITEMS = 162_541, 59_047  # of MovieLens-25M
FIRST, LAST = 789_652_009, 1_574_327_703  # its times
COLUMNS = {"user": "userId", "item": "movieId", "time": "timestamp"}
INGEST = {
    "reader": "events",
    "files": ["events", "items"],
    "min_rating": None,
    "titles": {"style": "paper", "allow_markup": False},
    "source": {**COLUMNS, "title": "title", "rating": None},
}
SPLIT = {"unit": "sequence", "train": 0.8, "validation": 0.1, "history": 10}
STAGE = """
import sys
from pathlib import Path
from recinterpreter.cli import main
main(sys.argv[1:])
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
"""
_BLOCK = 2_000_000


def measure(folder: Path, n_events: int = 25_000_000) -> dict[str, float]:
    """Check, ingest and split `n_events` generated events.

    Returns events_25m_s, the seconds of all three stages, and events_25m_peak_mb, the memory of
    the largest of their processes.
    """
    raw = [str(folder / name) for name in ("ratings.csv", "movies.csv")]
    write_tables(*map(Path, raw), n_events)
    out = {name: str(folder / f"{name}.parquet") for name in ("users", "items", "interactions")}
    outputs = [word for name, path in out.items() for word in (f"--{name}", path)]
    ingest, split = json.dumps(INGEST), json.dumps(SPLIT)
    examples = ["--interactions", out["interactions"], "--examples", f"{folder}/examples.parquet"]
    stages = [
        ["check_source", "--settings", ingest, "--files", *raw, "--found", f"{folder}/found.json"],
        ["ingest_source", "--settings", ingest, "--files", *raw, *outputs],
        ["split_examples", "--settings", split, *examples],
    ]
    started = time.monotonic()
    peaks = [_peak(stage) for stage in stages]
    return {"events_25m_s": time.monotonic() - started, "events_25m_peak_mb": max(peaks)}


def _peak(stage: list[str]) -> float:
    """Run a stage; return the most memory it had, in MB."""
    command = [sys.executable, "-c", STAGE, *stage]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(run.stdout)


def write_tables(events: Path, items: Path, n_events: int) -> None:
    """Write events as MovieLens has them, user by user; few users and items have most."""
    rng = np.random.default_rng(0)
    users = np.sort((rng.random(n_events) ** 2 * N_USERS).astype(np.int32)) + 1
    with open(events, "wb") as file:
        for first in range(0, n_events, _BLOCK):
            n = min(_BLOCK, n_events - first)
            block = {
                "userId": users[first : first + n],
                "movieId": (rng.random(n) ** 3 * N_ITEMS).astype(np.int32) + 1,
                "rating": rng.integers(1, 11, n) / 2,
                "timestamp": rng.integers(FIRST, LAST, n),
            }
            pl.DataFrame(block).write_csv(file, include_header=not first)
    numbers = np.arange(1, N_ITEMS + 1)
    catalogue = {"movieId": numbers, "title": [f"Film {i} (1995)" for i in numbers]}
    pl.DataFrame(catalogue).write_csv(items)
