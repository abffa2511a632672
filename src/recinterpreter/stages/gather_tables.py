"""Join the tables that several jobs made of their shares."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa

from recinterpreter import tables
from recinterpreter.command import InputPaths, OutputPaths, command
from recinterpreter.errors import UserError

logger = logging.getLogger("recinterpreter")

_ROWS_AT_A_TIME = 1024


def gather_tables(*, parts: InputPaths, gathered: OutputPaths) -> None:
    """Write the parts of each table one after another; those of the first table come first."""
    if not parts or len(parts) % len(gathered):
        raise UserError(
            f"--parts got {len(parts)} files for {len(gathered)} tables; wanted as many for each"
        )
    count = len(parts) // len(gathered)
    for place, path in enumerate(gathered):
        rows = _join(parts[place * count : (place + 1) * count], path)
        logger.info("%s: %d rows of %d parts", path.name, rows, count)


def _join(parts: list[Path], path: Path) -> int:
    """Write one table, with the schema and notes that all of its parts have; return its rows."""
    schema, about = tables.schema(parts[0]), tables.metadata(parts[0])
    rows = 0
    with tables.Writer(path, schema, about) as writer:
        for part in parts:
            if tables.schema(part) != schema or tables.metadata(part) != about:
                raise UserError(
                    f"{part} and {parts[0]} are no parts of one table; delete {part.parent} and "
                    "run again"
                )
            for batch in tables.read_batches(part, _ROWS_AT_A_TIME):
                writer.write(pa.Table.from_batches([batch]))
                rows += len(batch)
    return rows


if __name__ == "__main__":
    command(gather_tables)
