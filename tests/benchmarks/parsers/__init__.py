"""Steam's reviews against ast.literal_eval and pandas, same rows; its memory by length of the file.

On generated files, in the format of the official ones; see the modules. Takes a minute.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from . import steam


def main() -> Iterator[tuple[str, float, str]]:
    with TemporaryDirectory() as folder:
        yield from steam.measure(Path(folder))
