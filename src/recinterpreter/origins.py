"""The data sets that can be run: what each is read from, and who reads it.

On the ground of the house, and light: the Snakefile asks here which files to expect.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recinterpreter.settings.data import Domain


@dataclass(frozen=True)
class Origin:
    """What a data set is read from.

    reader: a module of `data.readers`; files: what it reads, by the names it knows them by, each
    with its file name; downloaded: whether these have a public address; members: what lies in the
    one archive, which a folder of the user's may hold instead; inner: the archive's own folder;
    domain: words of the prompts (`data.events.domain` says those of the user's own data).
    """

    reader: str
    files: dict[str, str]
    domain: Domain
    downloaded: bool = True
    members: tuple[str, ...] = ()
    inner: str = ""

    def places(self, path: str) -> list[str]:
        """List what the reader is given of the user's: `path` itself, or files in that folder."""
        return [path] if self.members else [str(Path(path, name)) for name in self.files.values()]

    def parts(self, path: str) -> list[str]:
        """List the files that are read below the user's `path`: what their content depends on."""
        source = Path(path)
        if not self.members or not source.is_dir():
            return self.places(path)
        inner = source / self.inner
        folder = inner if inner.is_dir() and not (source / self.members[0]).exists() else source
        return [str(folder / name) for name in self.members]

    @property
    def wanted(self) -> str:
        """Say what the user's path should be."""
        if self.members:
            return f"a folder with {_all_of(self.members)}, or the zip{self._or_null()}"
        return f"a folder with {_all_of(tuple(self.files.values()))}{self._or_null()}"

    def _or_null(self) -> str:
        return ", or null to download" if self.downloaded else ""


def _all_of(names: tuple[str, ...]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _movielens(release: str, kind: str) -> Origin:
    return Origin(
        reader="movielens",
        files={"archive": f"{release}.zip"},
        domain="movies",
        members=(f"ratings{kind}", f"movies{kind}"),
        inner=release,
    )


# By the name that data.sources has for them. The demo is generated, and the user's own tables
# (`events`) are named one by one: neither is here.
ORIGINS = {
    "ml-100k": Origin(
        reader="ml_100k",
        files={"archive": "ml-100k.zip"},
        domain="movies",
        members=("u.data", "u.item"),
        inner="ml-100k",
    ),
    "ml-1m": _movielens("ml-1m", ".dat"),
    "ml-20m": _movielens("ml-20m", ".csv"),
    "ml-25m": _movielens("ml-25m", ".csv"),
    "ml-latest-small": _movielens("ml-latest-small", ".csv"),
    "steam": Origin(
        reader="steam_sample",
        files={"games": "steam_games.json.gz", "reviews": "steam_reviews.json.gz"},
        domain="games",
    ),
}
