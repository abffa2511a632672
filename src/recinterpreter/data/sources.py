"""Public archives: where they are, under what terms, and the bytes they must have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A file to download; `setting` is the key by which a user gives a local copy instead."""

    name: str
    url: str
    licence: str
    bytes: int
    sha256: str
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
