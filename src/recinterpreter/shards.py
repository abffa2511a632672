"""Which rows of a table a job makes where several jobs share the work."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recinterpreter.errors import UserError

ALL = "1-of-1"


@dataclass(frozen=True)
class Shard:
    """The share of job `number` (from 1) of `count`; written as Snakemake writes it: 2-of-4."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `2-of-4`; UserError for anything that names no such job."""
        found = re.fullmatch(r"(\d+)-of-(\d+)", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise UserError(f"--shard {text}: wanted a job and how many there are, such as 2-of-4")
        return cls(int(found[1]), int(found[2]))

    def of(self, n: int, batch: int = 1) -> range:
        """Return its own of n rows: neighbours, in whole batches; where there are few, none.

        The shares of all jobs follow on one another. A batch goes to one job whole, so that its
        numbers are those of a single job to the last bit.
        """
        batches = -(-n // batch)
        first, after = (batches * i // self.count * batch for i in (self.number - 1, self.number))
        return range(min(first, n), min(after, n))
