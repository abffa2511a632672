"""Which rows of a table a job makes where several jobs share the work."""

from __future__ import annotations

import re
from dataclasses import dataclass

from recinterpreter.errors import UserError

ALL = "1-of-1"

# Rows of states that one job encodes: numbers of a batch depend on it in their last bits, so with a
# batch size that divides this they are those of a single job. No batch size itself: parts made
# before a death shall fit those made after it, whatever batch size is set by then.
BLOCK = 1024


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

    def of(self, n: int, block: int = 1) -> range:
        """Return its own of n rows: neighbours, in whole blocks; where there are few, none.

        The shares of all jobs follow on one another.
        """
        blocks = -(-n // block)
        first, after = (blocks * i // self.count * block for i in (self.number - 1, self.number))
        return range(min(first, n), min(after, n))
