"""What stands in the fields of the user's tables: ids, times and numbers.

Each function takes a column of a piece and returns it parsed, or raises UserError with file, row,
column, what was got and what was wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from recinterpreter.data.readers.rows import Piece
from recinterpreter.errors import UserError

_LATEST = 253_402_300_799  # 9999-12-31: beyond it, seconds are milliseconds
_ID = "an id: text or a whole number"
_TIME = "seconds since 1970 or ISO text such as 2024-05-31T18:00:00"
_ISO = (
    r"^\s*(?<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?<hour>[01][0-9]|2[0-3]):(?<minute>[0-5][0-9])"
    r"(?::(?<second>[0-5][0-9])(?:[.,][0-9]+)?)?"
    r"(?:[Zz]| ?UTC|(?<sign>[+-])(?<zone_hour>[01][0-9]|2[0-3]):?(?<zone_minute>[0-5][0-9])?)?)?"
    r"\s*$"
)


@dataclass(frozen=True)
class Field:
    """A column of a piece: its key there, its name in the user's table."""

    piece: Piece
    key: str
    name: str

    @property
    def values(self) -> pl.Series:
        """What stands there."""
        return self.piece.rows[self.key]

    def refuse(self, odd: pl.Series, wanted: str) -> None:
        """Raise UserError that names the first odd row, if there is one; null counts as odd."""
        rows = odd.fill_null(True).arg_true()
        if len(rows):
            first, last = self.piece.first, self.piece.first + len(self.values) - 1
            got = self.values[int(rows[0])]
            shown = "empty" if got is None or got == "" else repr(got)
            raise UserError(
                f"{self.piece.file}, row {first + int(rows[0])}: column {self.name!r} is {shown}, "
                f"wanted {wanted} (rows like it among {first} to {last}: {len(rows)}); mend or "
                "remove what is wrong"
            )

    def refuse_kind(self, wanted: str) -> UserError:
        """Return the error that a column is of a kind that cannot be used."""
        kind = f"column {self.name!r} is {self.values.dtype}"
        return UserError(f"{self.piece.file}: {kind}; wanted {wanted}")


def ids(field: Field) -> pl.Series:
    """Return ids as text: whole numbers as they are written, without a point."""
    values = field.values
    kind = values.dtype
    if kind.is_float():
        # whole numbers that came as floats, as pandas writes them beside blanks
        whole = values.is_finite() & (values == values.round())
        field.refuse(~whole, _ID)
        values = values.cast(pl.Int64, strict=False)
    elif not (kind.is_integer() or kind in (pl.String, pl.Categorical, pl.Enum)):
        raise field.refuse_kind("ids: text or whole numbers")
    text = values.cast(pl.String)
    field.refuse(text.str.strip_chars().str.to_lowercase().is_in(["", "nan"]), _ID)
    return text


def titles(field: Field) -> pl.Series:
    """Return titles as text, empty where there is none."""
    if field.values.dtype.is_nested() or field.values.dtype == pl.Binary:
        raise field.refuse_kind("titles: text")
    return field.values.cast(pl.String).fill_null("")


def numbers(field: Field) -> pl.Series:
    """Return numbers, all of them finite."""
    found = field.values.cast(pl.Float64, strict=False)
    field.refuse(~found.is_finite(), "a number")
    return found


def in_seconds(field: Field) -> bool:
    """Whether the first row says that a column of text holds seconds: then all of it has to."""
    first = field.values.head(1)
    return first.dtype != pl.String or bool(first.cast(pl.Float64, strict=False).is_not_null()[0])


def times(field: Field, as_seconds: bool) -> pl.Series:
    """Return whole seconds since 1970, of seconds, dates or ISO text (UTC where it has no zone)."""
    values = field.values
    if values.dtype in (pl.Datetime, pl.Date):
        field.refuse(values.is_null(), _TIME)
        return values.cast(pl.Datetime("ms")).dt.epoch("ms") // 1000
    if values.dtype == pl.String and not as_seconds:
        seconds = _iso_seconds(values)
        field.refuse(seconds.is_null(), _TIME)
        return seconds
    if values.dtype != pl.String and not values.dtype.is_numeric():
        raise field.refuse_kind(_TIME)
    found = numbers(field)
    field.refuse(found.abs() > _LATEST, "seconds since 1970 (milliseconds? divide by 1000)")
    return found.floor().cast(pl.Int64)


def _iso_seconds(text: pl.Series) -> pl.Series:
    """Read ISO text; null where it is none."""
    parts = text.str.extract_groups(_ISO).struct.unnest()
    number = {
        name: pl.col(name).cast(pl.Int64).fill_null(0)
        for name in ("hour", "minute", "second", "zone_hour", "zone_minute")
    }
    days = pl.col("day").str.to_date("%Y-%m-%d", strict=False).cast(pl.Int64)
    here = (days * 24 + number["hour"]) * 3600 + number["minute"] * 60 + number["second"]
    ahead = number["zone_hour"] * 3600 + number["zone_minute"] * 60
    sign = pl.when(pl.col("sign") == "-").then(-1).otherwise(1)
    return parts.select(here - sign * ahead).to_series()
