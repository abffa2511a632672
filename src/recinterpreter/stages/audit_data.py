"""Stage: what a reader must know of a data set and its split -> audit, distributions."""

from __future__ import annotations

from recinterpreter import schemas, tables
from recinterpreter.command import InputPath, OutputPath, command
from recinterpreter.data.audit import audit as make_audit
from recinterpreter.data.distributions import distributions as make_distributions

_ROWS_AT_A_TIME = 2**18  # of the examples, whose histories are most of what is here


def audit_data(
    *,
    interactions: InputPath,
    items: InputPath,
    examples: InputPath,
    audit: OutputPath,
    distributions: OutputPath,
) -> None:
    """Count and check the three tables of a data set."""
    events = tables.read(interactions, schemas.INTERACTIONS)
    pieces = tables.read_batches(examples, _ROWS_AT_A_TIME)
    rows = make_audit(events, tables.read(items, schemas.ITEMS), pieces)
    tables.write(distributions, make_distributions(events), schemas.DISTRIBUTIONS)
    tables.write(audit, rows, schemas.AUDIT)


if __name__ == "__main__":
    command(audit_data)
