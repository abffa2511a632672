"""Our split as RecBole reads it: the very same histories and targets, in three .inter files.

RecBole takes a split that was made elsewhere by `benchmark_filename`, and then augments nothing.
Ids are written as they are; RecBole numbers them anew, and `recbole_run` turns them back.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from recinterpreter.data.split import SPLITS

DATASET = "ours"
COLUMNS = "user_id:token\titem_id_list:token_seq\titem_id:token"


def export(examples: pa.Table, n_items: int, folder: Path) -> None:
    """Write EXAMPLES to folder/ours/ours.<split>.inter, a row per example, in their order.

    ours.item lists the whole catalogue, so that RecBole ranks items nobody met, as we do.
    """
    home = folder / DATASET
    home.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[str]] = {split: [COLUMNS] for split in SPLITS}
    for row in examples.select(["user_id", "history", "target", "split"]).to_pylist():
        history = " ".join(map(str, row["history"]))
        parts[row["split"]].append(f"{row['user_id']}\t{history}\t{row['target']}")
    for split, lines in parts.items():
        (home / f"{DATASET}.{split}.inter").write_text("\n".join(lines) + "\n")
    catalogue = ["item_id:token", *map(str, range(1, n_items + 1))]
    (home / f"{DATASET}.item").write_text("\n".join(catalogue) + "\n")
