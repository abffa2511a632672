"""The whole of config.yaml, typed, and what each stage is given of it.

Each method of `Settings` returns what one stage receives, and nothing else, so that a key makes
stale just the stages that read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recinterpreter.blocks import (
    LLM,
    Adapter,
    Answers,
    Bounds,
    Consistent,
    Judge,
    Recommenders,
    StoredStates,
)
from recinterpreter.datasets import Data
from recinterpreter.errors import UserError
from recinterpreter.settings.adapters import AdapterTraining, Preferred, WordedTask
from recinterpreter.settings.answers import Answering, RankedTask, StateSelection, TitleRanking
from recinterpreter.settings.data import (
    Split,
)
from recinterpreter.settings.evidence import (
    Consistency,
    EditedStates,
    Edits,
    JudgeCases,
    Judging,
    JudgingPace,
    Probing,
)
from recinterpreter.settings.language_model import Loading, Running, Teaching
from recinterpreter.settings.recommenders import (
    UNTRAINED,
    OracleItems,
    Outside,
    OutsideOracle,
    OutsideStates,
    RecommenderTraining,
    States,
)
from recinterpreter.settings.scores import Report, Scores
from recinterpreter.settings.sections import Section, shared


class Settings(Section):
    """The whole of config.yaml."""

    data: Data
    split: Split
    recommenders: Recommenders
    states: StoredStates
    llm: LLM
    adapter: Adapter
    answers: Answers
    edits: Edits
    consistency: Consistent
    bounds: Bounds
    judge: Judge
    scores: Scores
    report: Report

    @property
    def datasets(self) -> list[str]:
        """Names of the data sets to run: the folders under results/."""
        return self.data.names

    @property
    def encoders(self) -> list[str]:
        """Whose states are read: those interpreted, and those left untrained."""
        return [*self.interpreted, *self._untrained]

    @property
    def interpreted(self) -> list[str]:
        """The recommenders that a run is about: trained here, or made elsewhere."""
        return [*self.recommenders.names, *self.recommenders.outside]

    @property
    def made_here(self) -> list[str]:
        """Encoders that can be asked anything: trained here, and those left untrained."""
        return [*self.recommenders.names, *self._untrained]

    @property
    def _untrained(self) -> list[str]:
        return [f"{UNTRAINED}{name}" for name in self.recommenders.untrained]

    def outside(self, *having: str) -> list[str]:
        """Recommenders made elsewhere that brought these files (items, recommended, oracle)."""
        block = self.recommenders.outside
        return [name for name in block if all(getattr(block[name], key) for key in having)]

    @property
    def dreaming(self) -> list[str]:
        """Whose oracle items are put into words."""
        dreamrec = [name for name in self.recommenders.names if name == "dreamrec"]
        return [*dreamrec, *self.outside("oracle")]

    @property
    def ranking(self) -> list[str]:
        """Encoders whose ranking of the catalogue is known."""
        known = {*self.made_here, *self.outside("recommended")}
        return [name for name in self.encoders if name in known]

    def preferred(self, recommender: str | None) -> Preferred:
        """What an adapter is trained to name as a preference: without any list, what came next."""
        unknown = {*self.outside()} - {*self.outside("recommended")}
        return "next" if recommender in unknown else self.adapter.preferred

    @property
    def worded(self) -> list[WordedTask]:
        """Tasks that are answered in words."""
        return [task for task in self.adapter.tasks if task != "preference"]

    @property
    def ranked(self) -> list[RankedTask]:
        """Tasks that are answered by a ranking of titles; of a preference nothing else is asked."""
        wanted: list[RankedTask] = ["preference", *self.answers.rank_titles]
        return [task for task in wanted if task in self.adapter.tasks]

    @property
    def sources(self) -> list[str]:
        """Sources of states that are answered: the recorded ones, then the controls."""
        return ["recorded", *self.answers.controls]

    @property
    def edited_sources(self) -> list[str]:
        """Sources of states of edited histories, which are answered beside the others."""
        return [f"edit_{kind}" for kind in self.edits.kinds]

    def training(
        self, recommender: str, seed: str, chosen: Mapping[str, Any] | None = None
    ) -> RecommenderTraining:
        """Settings of train_recommender: with the recipe chosen by search, or that of the file."""
        name = recommender.removeprefix(UNTRAINED)
        recipe = chosen or getattr(self.recommenders, name).model_dump()
        untrained = name != recommender
        return RecommenderTraining.model_validate(
            {"recommender": name, "untrained": untrained, "seed": int(seed), "recipe": recipe}
        )

    def trial(self, recommender: str, trial: str) -> RecommenderTraining:
        """Settings of try_recipe: the recipe of the file with the values that name the trial.

        Raises UserError for a trial that is no point of the grid.
        """
        search = self.recommenders.search
        points = search.points(recommender)
        if trial not in points:
            raise UserError(
                f"{trial}: no combination of recommenders.search.{recommender}; wanted one such as "
                f"{next(iter(points))}"
            )
        recipe = getattr(self.recommenders, recommender).model_dump()
        return self.training(recommender, str(search.seed), {**recipe, **points[trial]})

    def teaching(self, dataset: str) -> Teaching:
        """Settings of teach_language_model."""
        return Teaching(domain=self.data.domain(dataset), embedded=self.llm.embedded)

    def loading(self) -> Loading:
        """Settings of check_language_model, and part of those of all stages that load the LLM."""
        return Loading(**shared(self.llm, Loading))

    def running(self) -> Running:
        """Return what the stages that load the LLM are told beside their settings."""
        return Running(**shared(self.llm, Running))

    def encoding(self) -> States:
        """Settings of encode_states."""
        return States(**shared(self.states, States))

    def selection(self) -> StateSelection:
        """Settings of select_states."""
        return StateSelection(**shared(self.answers, StateSelection))

    def oracle(self) -> OracleItems:
        """Settings of generate_oracle_items: the examples that are answered, stored as states."""
        return OracleItems(
            **shared(self.states, States), sample=self.answers.sample, seed=self.answers.seed
        )

    def imported(self, recommender: str, seed: str) -> Outside:
        """Settings of import_recommended."""
        return Outside(recommender=recommender, seed=int(seed))

    def imported_states(self, recommender: str, seed: str) -> OutsideStates:
        """Settings of import_states."""
        return OutsideStates(**shared(self.states, States), recommender=recommender, seed=int(seed))

    def imported_oracle(self, recommender: str, seed: str) -> OutsideOracle:
        """Settings of import_oracle_items."""
        return OutsideOracle(
            **self.imported_states(recommender, seed).model_dump(),
            sample=self.answers.sample,
            drawn=self.answers.seed,
        )

    def edited_states(self) -> EditedStates:
        """Settings of encode_edits."""
        return EditedStates(**shared(self.states, States), kinds=self.edits.kinds)

    def measured_consistency(self) -> Consistency:
        """Settings of measure_consistency."""
        return Consistency(top=self.consistency.top, seed=self.answers.seed)

    def adapter_training(
        self, dataset: str, task: str, adapter: str, seed: str, recommender: str | None = None
    ) -> AdapterTraining:
        """Settings of train_adapter: of all kinds' sizes, those of its own kind.

        recommender: whose states are read; None stands for any that is trained here.
        """
        sizes = getattr(self.adapter, adapter, None)
        return AdapterTraining.model_validate(
            {
                **shared(self.adapter, AdapterTraining),
                "domain": self.data.domain(dataset),
                "seed": int(seed),
                "task": task,
                "preferred": self.preferred(recommender) if task == "preference" else None,
                "adapter": adapter,
                "sizes": sizes and sizes.model_dump(),
                "loading": self.loading(),
                "examples_per_epoch": getattr(self.adapter.examples_per_epoch, task),
            }
        )

    def title_ranking(self, dataset: str, task: str, adapter: str) -> TitleRanking:
        """Settings of rank_titles."""
        return TitleRanking.model_validate(
            {
                "domain": self.data.domain(dataset),
                "task": task,
                "adapter": adapter,
                "loading": self.loading(),
            }
        )

    def probing(self) -> Probing:
        """Settings of probe_states: all tasks, about the examples that are answered."""
        return Probing(
            **self.bounds.model_dump(),
            tasks=list(self.adapter.tasks),
            sample=self.answers.sample,
            seed=self.answers.seed,
        )

    def answering(self, dataset: str, task: str, adapter: str) -> Answering:
        """Settings of answer."""
        return Answering.model_validate(
            {
                "domain": self.data.domain(dataset),
                "task": task,
                "adapter": adapter,
                "loading": self.loading(),
                "decoding": self.answers.decoding,
                "max_new_tokens": getattr(self.answers.max_new_tokens, task),
            }
        )

    @property
    def judged(self) -> list[str]:
        """Data sets that are judged: none without an endpoint, SASRec, DreamRec and `residual`.

        The planted endpoint knows the demo alone.
        """
        sources = {"sasrec", "dreamrec"} <= {*self.recommenders.names}
        if self.judge.endpoint is None or not sources or "residual" not in self.adapter.tasks:
            return []
        planted = self.judge.endpoint == "planted"
        return [name for name in self.datasets if name == "demo" or not planted]

    def judge_cases(self) -> JudgeCases:
        """Settings of make_judge_cases."""
        return JudgeCases(seed=self.judge.seed)

    def judging(self, dataset: str) -> Judging:
        """Settings of ask_judges."""
        return Judging.model_validate(
            {**shared(self.judge, Judging), "domain": self.data.domain(dataset)}
        )

    def judging_pace(self) -> JudgingPace:
        """Return what ask_judges is told beside its settings."""
        return JudgingPace(**shared(self.judge, JudgingPace))
