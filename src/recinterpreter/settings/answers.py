"""Settings of the answers: which states are shown, and how the LLM answers over them."""

from __future__ import annotations

from typing import Literal

from recinterpreter.settings.adapters import AdapterKind, WordedTask
from recinterpreter.settings.data import Domain
from recinterpreter.settings.language_model import Loading
from recinterpreter.settings.sections import Count, Section, Whole

RankedTask = Literal["residual", "preference"]
Control = Literal["another_user", "mean_state", "zeros", "noise", "prompt_only"]
Decoding = Literal["free", "catalogue"]


class StateSelection(Section):
    """What select_states receives."""

    controls: list[Control]
    sample: Count
    seed: Whole


class Answering(Section):
    """What answer receives."""

    domain: Domain
    task: WordedTask
    adapter: AdapterKind
    loading: Loading
    decoding: Decoding
    max_new_tokens: Count


class TitleRanking(Section):
    """What rank_titles receives."""

    domain: Domain
    task: RankedTask
    adapter: AdapterKind
    loading: Loading
