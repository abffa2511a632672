"""Settings of the data sets: where events come from, how titles are written, how to split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recinterpreter.settings.sections import Count, Number, Positive, Section, Slug, Whole

Release = Literal["ml-1m", "ml-20m", "ml-25m", "ml-latest-small"]
Source = Literal["demo", "ml-100k", Release, "steam", "amazon", "lastfm", "events"]
Category = Annotated[str, Field(pattern=r"^[A-Za-z0-9]\w*$")]
Part = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Domain = Literal["movies", "games", "items"]


class Titles(Section):
    """How a title is written when the LLM is to say it."""

    style: Literal["paper", "natural", "raw"]
    allow_markup: bool


class DemoSource(Section):
    """The generated data set."""

    items: Annotated[int, Field(ge=50, le=400)]
    users: Annotated[int, Field(ge=20, le=1_000_000)]
    seed: Whole


class MovieLensSource(Section):
    """A release of MovieLens: downloaded when path is null, else a folder or the zip."""

    path: str | None


class MovieLensRelease(Section):
    """Which of the larger releases of MovieLens is read."""

    release: Release


class SteamSample(Section):
    """Which users and games of Steam are drawn."""

    min_reviews: Count
    users: Part
    games: Part
    seed: Whole


class SteamSource(SteamSample):
    """Steam: downloaded when path is null, else a folder with the two raw files."""

    path: str | None


class AmazonRules(Section):
    """How the reviews of a category of Amazon become a data set.

    Releases: those of 2014, 2018 and 2023, and the sequences that P5 made of the first.
    """

    release: Literal[2014, 2018, 2023, "p5"]
    core: Count | None
    longest_title: Annotated[int, Field(ge=10, le=1000)]


class AmazonSource(AmazonRules):
    """Categories of a release of Amazon: downloaded when path is null, else in that folder."""

    categories: Annotated[list[Category], Field(min_length=1)]
    path: str | None


class LastFmRules(Section):
    """How Last.fm's tags become a data set."""

    core: Count | None


class LastFmSource(LastFmRules):
    """Last.fm: downloaded when path is null, else a folder or the zip."""

    path: str | None


class Columns(Section):
    """Names of the columns in the user's own two tables."""

    user: str
    item: str
    time: str
    title: str
    rating: str | None


class EventsSource(Section):
    """The user's own events and items: files or folders of parts."""

    name: Slug
    domain: Domain
    events: str | None
    items: str | None
    columns: Columns


# What is said of a source alone, each by a type of its own.
Said = DemoSource | MovieLensRelease | SteamSample | AmazonRules | LastFmRules | Columns


class Ingest(Section):
    """What the stages that read a source receive: how it is read, and the rules all sources share.

    reader: a module of `data.readers`, null where nothing is read; files: the names it has for its
    files, in the order in which they are given; source: what is said of this source alone. Never
    where files are: they count by what is in them.
    """

    reader: str | None
    files: list[str]
    min_rating: Number | None
    titles: Titles
    source: Said | None


class Split(Section):
    """How sequences become train, validation and test examples.

    The shares do not count under leave-one-out.
    """

    unit: Literal["sequence", "time", "leave-one-out"]
    train: Positive
    validation: Positive
    history: Annotated[int, Field(ge=2, le=1000)]
