"""What every reader returns of its raw files, and how a reader is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl

from recinterpreter.settings.data import Ingest


class Raw(NamedTuple):
    """A data set as its source has it.

    events: the columns user, item (source ids, text), time (whole seconds since 1970) and, where
    `data.min_rating` asks for it and the source has any, rating; in the order of the source.
    items: (source id, raw title) of the whole catalogue.
    """

    events: pl.LazyFrame
    items: Sequence[tuple[str, str]]

    @property
    def rated(self) -> bool:
        """Whether the events have ratings."""
        return "rating" in self.events.collect_schema()


@contextmanager
def read_raw(files: Sequence[Path], settings: Ingest, scratch: Path) -> Iterator[Raw]:
    """Read a source's files, in the order of `settings.files`; what is read is good within `with`.

    Each reader is a module of `data.readers` with a function `read(files by name, settings,
    scratch)`. It is imported by its name, so that a change of one reader leaves the data sets of
    others alone. scratch: where what is too large for memory gets a folder, deleted at the end.
    Raises UserError for files that cannot be used.
    """
    reader = import_module(f"recinterpreter.data.readers.{settings.reader}")
    read: Callable[[Mapping[str, Path], Ingest, Path], Raw] = reader.read
    scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=scratch, prefix=".raw-") as folder:
        yield read(dict(zip(settings.files, files, strict=True)), settings, Path(folder))
