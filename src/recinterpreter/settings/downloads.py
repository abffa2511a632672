"""What a download is told: a row of the table of official files (`data/downloads.yaml`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from recinterpreter.settings.sections import Count, Section, Slug

_CATEGORY = "{category}"
Text = Annotated[str, Field(min_length=1)]
Address = Annotated[str, Field(pattern=r"^https?://[^/\s]+/\S+$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Download(Section):
    """A file to download; `setting` is the key by which a user gives a local copy instead.

    urls: the official address first, then mirrors of the same bytes. licence: under what terms, in
    a line; notice: what its terms want said before use, else null. Where nobody has published the
    bytes it must have, `bytes` and `sha256` are null: the file is then a gzip or a zip, whose own
    lengths and checksums are held to what came.
    """

    name: Slug
    urls: Annotated[list[Address], Field(min_length=1)]
    licence: Text
    notice: Text | None
    bytes: Count | None
    sha256: Sha256 | None
    setting: Text

    @property
    def file(self) -> str:
        """Its file name, the same at every address."""
        return self.urls[0].rpartition("/")[2]

    def of(self, file: str, dataset: str) -> Download | None:
        """Return the row as that of a file of a data set; None where it is not.

        A row whose addresses hold `{category}` is that of the same file of every category; the
        first part of its name is that of its data sets' names.
        """
        before, several, after = self.file.partition(_CATEGORY)
        if not several:
            return self if self.file == file else None
        category = file.removeprefix(before).removesuffix(after)
        family = self.name.rpartition("-")[0]
        if file != before + category + after or not dataset.startswith(f"{family}-"):
            return None
        urls = [url.replace(_CATEGORY, category) for url in self.urls]
        return self.model_copy(update={"name": f"{self.name}-{category}", "urls": urls})

    @model_validator(mode="after")
    def _can_be_checked(self) -> Download:
        if self.sha256 is None and not self.urls[0].endswith((".gz", ".zip")):
            raise ValueError("sha256 is null; wanted one, for only .gz and .zip check themselves")
        return self
