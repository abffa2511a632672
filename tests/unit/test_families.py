"""Any causal LLM by the same code: tiny random models of each family, the fast way and the plain.

A family differs in what it does to embeddings, positions, windows and logits; whatever that is, the
fast path must give the loss and the gradient that the model itself gives.
"""

from typing import Any

import pytest
import torch
import transformers
from language_models import TITLES, random_soft

from recinterpreter.errors import UserError
from recinterpreter.language_model import plain
from recinterpreter.language_model.decoding import greedy
from recinterpreter.language_model.embedded import make_tokenizer
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import PromptTemplate, templates

# no sentence is a token of its own here: what stands before the first slot is 60 to 80 tokens long
TOKENIZER = make_tokenizer(TITLES, [], 300)
PHRASINGS = [templates("recovery", "movies")[0], templates("residual", "movies")[0]]
NAMED = [TITLES[:1], TITLES[2:5], TITLES[9:11]]
# shorter than what stands before the first slot, longer than what follows it
WINDOW = {"sliding_window": 60}
ROPE = {
    "rope_type": "llama3",
    "rope_theta": 5e5,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {"num_key_value_heads": 4}),
    "llama-2-70b": ("Llama", {}),
    "llama-3": ("Llama", {"rope_parameters": ROPE}),
    "smollm": ("Llama", {"tie_word_embeddings": True}),
    "smollm3": ("SmolLM3", {}),
    "qwen2": ("Qwen2", {}),
    "qwen2-window": ("Qwen2", {**WINDOW, "use_sliding_window": True, "max_window_layers": 1}),
    "qwen3": ("Qwen3", {"head_dim": 16}),
    "mistral": ("Mistral", WINDOW),
    "mixtral": ("Mixtral", {"num_local_experts": 2}),
    "gemma": ("Gemma", {"head_dim": 16}),
    "gemma2": (
        "Gemma2",
        {"head_dim": 16, **WINDOW, "final_logit_softcapping": 1.0, "attn_logit_softcapping": 2.0},
    ),
    "gemma3": ("Gemma3Text", {"head_dim": 16, **WINDOW}),
    "phi3": ("Phi3", {}),
    "granite": (
        "Granite",
        {"embedding_multiplier": 12.0, "logits_scaling": 8.0, "residual_multiplier": 0.22},
    ),
    "cohere": ("Cohere", {"logit_scale": 0.25}),
    "cohere2": ("Cohere2", {"logit_scale": 0.25, **WINDOW}),
    "gpt-2": ("GPT2", {"n_positions": 512}),
    "gpt-neox": ("GPTNeoX", {}),
    "opt": ("OPT", {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    "falcon": ("Falcon", {}),
}


def model_of(kind: str, **own: Any) -> Any:
    """Make a random model of two narrow layers, weights large enough for its parts to matter."""
    config = getattr(transformers, f"{kind}Config")(
        **{
            "vocab_size": len(TOKENIZER),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            **own,
        }
    )
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(std=0.2)
    return model


@pytest.fixture(scope="module", params=FAMILIES)
def llm(request: pytest.FixtureRequest) -> FrozenLanguageModel:
    kind, own = FAMILIES[request.param]
    return FrozenLanguageModel(model_of(kind, **own), TOKENIZER)


@pytest.mark.parametrize("template", PHRASINGS, ids=lambda template: template.name)
def test_the_fast_way_gives_what_the_model_itself_gives(
    llm: FrozenLanguageModel, template: PromptTemplate
) -> None:
    before = {name: tensor.clone() for name, tensor in llm.model.state_dict().items()}
    soft = random_soft(llm, len(NAMED), template.slots, 2).requires_grad_()
    answers = [llm.answer_tokens(template, named) for named in NAMED]
    loss, _ = llm.loss(template, soft, answers)
    (gradient,) = torch.autograd.grad(loss, soft)
    wanted_loss = plain.loss(llm, template, soft, NAMED)
    (wanted,) = torch.autograd.grad(wanted_loss, soft)
    torch.testing.assert_close(loss, wanted_loss, atol=1e-5, rtol=1e-5)
    assert wanted.abs().max() > 0
    assert (gradient - wanted).abs().max() < 1e-5 * wanted.abs().max()
    assert all(torch.equal(before[n], t) for n, t in llm.model.state_dict().items())
    assert all(p.grad is None for p in llm.model.parameters())


@pytest.mark.parametrize("template", PHRASINGS, ids=lambda template: template.name)
def test_a_batch_answers_as_the_plain_way(
    llm: FrozenLanguageModel, template: PromptTemplate
) -> None:
    soft = random_soft(llm, 4, template.slots, 2)
    texts = [answer.text for answer in greedy(llm, template, soft, 4, 12)]
    assert texts == [plain.answer(llm, template, soft[i : i + 1], 12) for i in range(4)]


def test_the_scale_of_embeddings_is_that_of_what_enters_the_model(llm: FrozenLanguageModel) -> None:
    with torch.no_grad():
        entered = llm.embed([list(range(llm.vocabulary))])
    assert llm.embedding_rms() == pytest.approx(float(entered.square().mean().sqrt()), rel=1e-5)


def test_gemma_embeds_larger_than_its_table() -> None:
    llm = FrozenLanguageModel(model_of("Gemma2", head_dim=16), TOKENIZER)
    table = float(llm.embeddings.weight.square().mean().sqrt())
    assert llm.embedding_rms() == pytest.approx(32**0.5 * table, rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("Mamba", {}),
        ("Lfm2", {"layer_types": ["conv", "full_attention"]}),
    ],
)
def test_a_recurrent_model_is_refused(kind: str, own: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="no recurrent or hybrid one"):
        FrozenLanguageModel(model_of(kind, **own), TOKENIZER)


def test_a_head_that_is_not_known_is_refused() -> None:
    model = model_of("Llama")
    FrozenLanguageModel(model, TOKENIZER)
    plainly = model.forward

    def louder(**given: Any) -> Any:
        answered = plainly(**given)
        answered.logits = 2 * answered.logits
        return answered

    model.forward = louder
    with pytest.raises(UserError, match="does more to its logits than its output layer"):
        FrozenLanguageModel(model, TOKENIZER)
