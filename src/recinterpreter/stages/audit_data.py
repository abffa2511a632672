"""Stage: what a reader must know of a data set and its split -> audit."""

from __future__ import annotations

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.audit import audit as make_audit


def audit_data(
    *, interactions: InputPath, items: InputPath, examples: InputPath, audit: OutputPath
) -> None:
    """Count and check the three tables of a data set."""
    rows = make_audit(
        tables.read(interactions, schemas.INTERACTIONS),
        tables.read(items, schemas.ITEMS),
        tables.read(examples, schemas.EXAMPLES),
    )
    tables.write(audit, rows, schemas.AUDIT)


if __name__ == "__main__":
    command(audit_data)
