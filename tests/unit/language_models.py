"""Tiny language models for tests: the embedded one untaught, over a few titles."""

import torch

from recinterpreter.language_model.causal import LanguageModel
from recinterpreter.language_model.embedded import make_model, make_tokenizer
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import phrases, templates
from recinterpreter.settings.language_model import EmbeddedLLM, Loading, Running

TITLES = [
    "Alien",
    "Aliens",
    "The Good, the Bad and the Ugly",
    "Star Wars",
    "Amélie",
    "千と千尋の神隠し",
    "[Rec]²",
    'Say "Anything"...',
    "<SeqH1> & <script>",
    "M*A*S*H",
    "Babe",
    "Heat",
]

LOADING = Loading(revision=None, precision="auto", weights="full")
RUNNING = Running(spread=False, allow_pickle=False)


def settings(**changes: int | float) -> EmbeddedLLM:
    """Settings of a model that is made in a moment."""
    values = {
        "seed": 0,
        "hidden_size": 32,
        "layers": 2,
        "heads": 2,
        "vocabulary": 400,
        "steps": 6,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "noise": 0.5,
    }
    return EmbeddedLLM(**{**values, **changes})


def untaught(**changes: int | float) -> LanguageModel:
    """Return a trainable model with its tokenizer."""
    chosen = settings(**changes)
    tokenizer = make_tokenizer(TITLES, phrases("movies"), chosen.vocabulary)
    return LanguageModel(make_model(chosen, tokenizer), tokenizer)


def frozen(**changes: int | float) -> FrozenLanguageModel:
    """Return a frozen model with its tokenizer."""
    model = untaught(**changes)
    return FrozenLanguageModel(model.model, model.tokenizer)


def random_soft(llm: LanguageModel, n: int, slots: int = 2, tokens: int = 1) -> torch.Tensor:
    """Soft tokens (n, slots, tokens, H) at the scale of the model's embeddings, always the same."""
    draw = torch.Generator().manual_seed(1)
    drawn = torch.randn(n, slots, tokens, llm.hidden_size, generator=draw)
    return drawn * llm.embedding_rms()


def told(llm: FrozenLanguageModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and gradient of soft tokens."""
    template = templates("residual", "movies")[0]
    soft = random_soft(llm, 4).requires_grad_()
    answers = [llm.answer_tokens(template, [title]) for title in TITLES[:4]]
    loss, _ = llm.loss(template, soft, answers)
    (gradient,) = torch.autograd.grad(loss, soft)
    return loss.detach(), gradient.flatten()
