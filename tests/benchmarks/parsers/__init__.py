"""Raw files: Steam's reviews against ast.literal_eval and pandas; 25 million events of one's own.

On generated files in the formats of the official ones; see the modules. Of both the time and the
peak of memory. Takes some minutes.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from . import events_25m, steam

UNITS = {"events_25m_s": "s", "events_25m_peak_mb": "MB"}


def main() -> Iterator[tuple[str, float, str]]:
    with TemporaryDirectory() as folder:
        yield from steam.measure(Path(folder))
    with TemporaryDirectory() as folder:
        for name, value in events_25m.measure(Path(folder)).items():
            yield name, value, UNITS[name]
