"""Public archives: where they are, under what terms, and the bytes they must have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A file to download; `setting` is the key by which a user gives a local copy instead.

    Where nobody has published the bytes it must have, `bytes` and `sha256` are None: the file is
    then a gzip whose own length and checksum are held to what came.
    """

    name: str
    url: str
    licence: str
    bytes: int | None
    sha256: str | None
    setting: str


# GroupLens publishes the MD5 0e33842e24a9c977be4e0107933c0723 beside the archive
# (ml-100k.zip.md5) and no SHA-256; this one is what several projects, independently of each other,
# pin for the bytes at this address.
ML_100K = Archive(
    name="MovieLens-100K",
    url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
    licence="research only, no redistribution, no commercial use; see README in the archive",
    bytes=4_924_029,
    sha256="50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    setting="data.ml-100k.path",
)

_STEAM = {
    "licence": "no licence is named; the authors ask to be cited (Kang and McAuley, ICDM 2018)",
    "setting": "data.steam.path",
}
# The sha256 is that of a copy of which every line was read; the address publishes none.
STEAM_GAMES = Archive(
    name="Steam, the catalogue",
    url="https://cseweb.ucsd.edu/~wckang/steam_games.json.gz",
    bytes=2_740_516,
    sha256="717f4653a26585fec8f463f59311a654127c2ed66b07b9f78b4c0ce64961c740",
    **_STEAM,
)
# No checksum of it is known to us, nor its exact length (about 1.3 GB).
STEAM_REVIEWS = Archive(
    name="Steam, the reviews",
    url="https://cseweb.ucsd.edu/~wckang/steam_reviews.json.gz",
    bytes=None,
    sha256=None,
    **_STEAM,
)
