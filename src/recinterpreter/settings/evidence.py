"""Settings of what stands around the answers: edits, decoded histories, decoders and judges."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recinterpreter.settings.adapters import Task
from recinterpreter.settings.data import Domain
from recinterpreter.settings.recommenders import States
from recinterpreter.settings.sections import Count, NotNegative, Positive, Section, Whole

Decoder = Literal["linear", "ridge", "nearest"]
EditKind = Literal["drop", "swap", "replace", "append"]
# planted, environment, or a URL that holds no name and password
JudgeEndpoint = Annotated[str, Field(pattern=r"^(planted|environment|https?://[^\s@?#]+)$")]
# no absolute path: the name stands in tables and on the page
JudgeName = Annotated[str, Field(pattern=r"^[^\s/~]\S*$")]


class Edits(Section):
    """How histories are edited to see whether the answers follow: what edit_histories receives."""

    kinds: list[EditKind]
    sample: Count
    seed: Whole


class EditedStates(States):
    """What encode_edits receives: how states are stored, and a table of them for each kind."""

    kinds: list[EditKind]


class Consistency(Section):
    """What measure_consistency receives: how many best items are compared.

    seed: of the derangement that gives every example another user's answer.
    """

    top: Count
    seed: Whole


class Probing(Section):
    """What probe_states receives; sample and seed are those of the answers."""

    tasks: list[Task]
    decoders: list[Decoder]
    examples: Count
    validation: Count
    components: Count
    epochs: Count
    sample: Count
    seed: Whole


# Models of the planted endpoint: how often each takes the first title unread
PLANTED_JUDGES = {"careful": 0.0, "hasty": 0.3}


class JudgeCases(Section):
    """What make_judge_cases receives."""

    seed: Whole


class Judging(Section):
    """What ask_judges receives: who is asked what, on which a reply depends."""

    domain: Domain
    endpoint: JudgeEndpoint
    models: Annotated[list[JudgeName], Field(min_length=1)]
    temperature: NotNegative | None
    max_tokens: Count | None


class JudgingPace(Section):
    """How patiently and how fast judges are asked: no reply depends on it."""

    concurrency: Count
    attempts: Count
    backoff: NotNegative
    timeout: Positive
    most_requests: Count | None
