"""The data sets of a configuration: where each comes from, and what its stages are told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recinterpreter.origins import ORIGINS, Origin, amazon_origins, parts_of
from recinterpreter.settings.data import (
    AmazonRules,
    AmazonSource,
    DemoSource,
    Domain,
    EventsSource,
    Ingest,
    LastFmRules,
    LastFmSource,
    MovieLensRelease,
    MovieLensSource,
    Said,
    Source,
    SteamSample,
    SteamSource,
    Titles,
)
from recinterpreter.settings.sections import Number, Section, shared


class Data(Section):
    """Which data sets to run, and how events and titles are read."""

    sources: Annotated[list[Source], Field(min_length=1)]
    min_rating: Number | None
    titles: Titles
    demo: DemoSource
    ml_100k: MovieLensSource = Field(alias="ml-100k")
    ml_1m: MovieLensSource = Field(alias="ml-1m")
    ml_20m: MovieLensSource = Field(alias="ml-20m")
    ml_25m: MovieLensSource = Field(alias="ml-25m")
    ml_latest_small: MovieLensSource = Field(alias="ml-latest-small")
    steam: SteamSource
    amazon: AmazonSource
    lastfm: LastFmSource
    events: EventsSource

    @property
    def names(self) -> list[str]:
        """Names of the data sets to run: the folders under results/."""
        several = {"events": [self.events.name], "amazon": amazon_origins(self.amazon)}
        return [name for source in self.sources for name in several.get(source, [source])]

    @property
    def public(self) -> dict[str, Origin]:
        """Where each public data set comes from, by the name of its folder."""
        amazon = amazon_origins(self.amazon) if "amazon" in self.sources else {}
        return {**ORIGINS, **amazon}

    @property
    def origins(self) -> dict[str, Origin]:
        """Where each data set that is read from files comes from, by the name of its folder."""
        own = self.events
        if "events" not in self.sources:
            return self.public
        return {**self.public, own.name: Origin("events", {"events": "", "items": ""}, own.domain)}

    def domain(self, dataset: str) -> Domain:
        """Which words the prompts of a data set use."""
        return self.origins[dataset].domain if dataset in self.origins else "movies"

    def places(self, dataset: str) -> list[str]:
        """List what of the user's a data set is read from; nothing where it is downloaded."""
        own = self.events
        if dataset not in self.public:
            return [str(own.events), str(own.items)]
        path = self.path(dataset)
        return [] if path is None else self.public[dataset].places(path)

    def path(self, dataset: str) -> str | None:
        """Where the user has the files of a data set that has a public origin."""
        path: str | None = getattr(self, self.block(dataset).replace("-", "_")).path
        return path

    def block(self, dataset: str) -> str:
        """Which block of `data` says where a public data set is."""
        return dataset if dataset in ORIGINS else "amazon"

    def parts(self, dataset: str) -> list[str]:
        """List the user's files by whose content a data set counts; none where it is downloaded."""
        if dataset not in self.public:
            return [part for table in self.places(dataset) for part in parts_of(table)]
        path = self.path(dataset)
        return self.places(dataset) if path is None else self.public[dataset].parts(path)

    def ingest(self, dataset: str) -> Ingest:
        """Settings of the stages that read a source; none of them says where it is."""
        columns = self.events.columns
        if self.min_rating is None:  # then nobody looks at ratings
            columns = columns.model_copy(update={"rating": None})
        said: dict[str | None, Said] = {
            None: self.demo,
            "movielens": MovieLensRelease.model_construct(release=dataset),
            **dict.fromkeys(("amazon", "p5"), AmazonRules(**shared(self.amazon, AmazonRules))),
            "lastfm": LastFmRules(**shared(self.lastfm, LastFmRules)),
            "steam_sample": SteamSample(**shared(self.steam, SteamSample)),
            "events": columns,
        }
        origin = self.origins.get(dataset)
        reader = origin.reader if origin else None
        return Ingest(
            reader=reader,
            files=list(origin.files) if origin else [],
            min_rating=self.min_rating,
            titles=self.titles,
            source=said.get(reader),
        )
