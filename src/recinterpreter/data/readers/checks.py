"""A check that readers of large tables share: every field of some columns, in a stream."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from recinterpreter.errors import UserError

WHOLE = r"^[0-9]{1,18}$"  # 18 digits are sure to fit 64 bits
NUMBER = r"^[0-9]{1,15}(\.[0-9]{1,15})?$"


def refuse_misfits(
    table: pl.LazyFrame, patterns: Mapping[str, str], where: str, wanted: str, first: int
) -> None:
    """Raise UserError that names the first line with a field that does not fit its pattern.

    table: columns of text; patterns: a regular expression for each column that counts; where: the
    file, and wanted: what its lines are, in words; first: the number of its first line of data.
    Memory is that of a batch of rows: the file is read in a stream.
    """
    misfits = [~pl.col(name).str.contains(pattern) for name, pattern in patterns.items()]
    odd = pl.any_horizontal(misfit.fill_null(True) for misfit in misfits)
    numbered = table.select(*patterns).with_row_index("line", offset=first)
    try:
        found = numbered.filter(odd).head(1).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:  # OSError: of a damaged gzip
        raise UserError(
            f"{where}: cannot be read ({str(error).splitlines()[0]}); wanted {wanted}; put the "
            "official file there again"
        ) from error
    if len(found):
        line, *fields = found.row(0)
        raise UserError(
            f"{where}, line {line}: got {' | '.join(map(str, fields))}, wanted {wanted}; mend or "
            "remove the line"
        )
