"""The data sets that can be run: what each is read from, and who reads it.

On the ground of the house, and light: the Snakefile asks here which files to expect.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recinterpreter.settings.data import AmazonSource, Domain


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


def parts_of(path: str) -> list[str]:
    """List what a table of the user's consists of: itself, or all that is in a folder, by name.

    Left out is what is hidden or begins with an underscore: programs that write parts leave such
    beside them (_SUCCESS). What is no file is in the list, to be refused and not to be missed.
    """
    if not Path(path).is_dir():
        return [path]
    parts = Path(path).iterdir()
    return sorted(str(part) for part in parts if not part.name.startswith((".", "_")))


def no_file(path: str | Path) -> str | None:
    """Say what is at a path in place of a file; None where a file is."""
    place = Path(path)
    if place.is_file():
        return None
    if place.is_dir():
        return "a folder, not a file"
    if place.exists():
        return "a pipe or a device, not a file"  # it might never end, and cannot be read twice
    return "a link to no file" if place.is_symlink() else "no such file"


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
    "lastfm": Origin(
        reader="lastfm",
        files={"archive": "hetrec2011-lastfm-2k.zip"},
        domain="items",
        members=("artists.dat", "user_taggedartists-timestamps.dat"),
        inner="hetrec2011-lastfm-2k",
    ),
}

# What a category of Amazon is read from: by release the official file of each kind, the one that is
# downloaded, then others that a user may have.
_AMAZON: dict[int | str, dict[str, tuple[str, ...]]] = {
    2014: {
        "reviews": ("reviews_{0}_5.json.gz", "reviews_{0}.json.gz", "{0}_5.csv.gz"),
        "metadata": ("meta_{0}.json.gz",),
    },
    2018: {
        "reviews": ("{0}_5.json.gz", "{0}.json.gz"),
        "metadata": ("meta_{0}.json.gz",),
    },
    2023: {
        "reviews": ("{0}.csv.gz", "{0}.csv", "{0}.jsonl.gz"),
        "metadata": ("meta_{0}.jsonl.gz",),
    },
    "p5": {
        "sequences": ("{0}/sequential_data.txt", "{0}/p5_sequential.txt"),
        "datamaps": ("{0}/datamaps.json", "{0}/p5_datamaps.json"),
        "titles": ("{0}/meta.json.gz", "{0}/p5_item_titles.tsv", "{0}/p5_item_short_text.tsv"),
        "times": ("{0}/p5_interactions.tsv.gz",),
    },
}
_OPTIONAL = ("times",)
_DOMAINS: dict[str, Domain] = {
    "Video_Games": "games",
    "Movies_and_TV": "movies",
    "Amazon_Instant_Video": "movies",
}


def amazon_origins(source: AmazonSource) -> dict[str, Origin]:
    """Return where the categories come from, by the names of their folders (amazon-2014-beauty)."""
    return {
        f"amazon-{source.release}-{category.lower().replace('_', '-')}": Origin(
            reader="p5" if source.release == "p5" else "amazon",
            files=_amazon_files(source, category),
            domain=_DOMAINS.get(category, "items"),
            downloaded=source.release != "p5",
        )
        for category in source.categories
    }


def _amazon_files(source: AmazonSource, category: str) -> dict[str, str]:
    """Choose of each kind of file the first that the user has, or else the official one."""
    files = {}
    for kind, names in _AMAZON[source.release].items():
        known = [name.format(category) for name in names]
        there = [name for name in known if source.path and Path(source.path, name).is_file()]
        if there or kind not in _OPTIONAL:
            files[kind] = (there or known)[0]
    return files
