"""Operations counted from a configuration, against PyTorch's own count and known arithmetic."""

import pytest
import torch
from language_models import frozen, random_soft
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MixtralConfig,
    PretrainedConfig,
    Qwen3Config,
)

from recinterpreter.language_model.causal import LanguageModel
from recinterpreter.language_model.cost import gemm_rate, sizes
from recinterpreter.language_model.frozen import FrozenLanguageModel
from recinterpreter.language_model.prompts import templates


class _Everything:
    """In place of the tracker of modules, whose hooks bear no gradient taken during a pass."""

    parents = frozenset({"Global"})

    def __enter__(self) -> "_Everything":
        return self

    def __exit__(self, *error: object) -> None: ...


def counter() -> FlopCounterMode:
    counting = FlopCounterMode(display=False)
    counting.mod_tracker = _Everything()  # type: ignore[assignment]
    return counting


SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "vocab_size": 500}
CONFIGS = {
    "llama": LlamaConfig(**SMALL, intermediate_size=100, num_attention_heads=4),
    "shared keys, tied": LlamaConfig(
        **SMALL,
        intermediate_size=100,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    ),
    "wide heads": Qwen3Config(
        **SMALL,
        intermediate_size=90,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=40,
        tie_word_embeddings=False,
    ),
    "gpt2": GPT2Config(n_embd=48, n_layer=2, n_head=4, vocab_size=500),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_operations_are_those_that_torch_counts(name: str) -> None:
    config = CONFIGS[name]
    template = templates("recovery", "movies")[0]
    # torch has no count for the fused attention of a CPU
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    llm = FrozenLanguageModel(model, frozen().tokenizer)
    answers = [[5] * 12, [6] * 12, [7] * 12]
    llm.prefix(template)
    soft = random_soft(llm, len(answers), template.slots).requires_grad_()
    with counter() as counting:
        llm.told(template, soft, answers).loss.backward()
    found = sizes(config)
    tokens = llm.rest_of_question(template, soft, len(answers)).shape[1] + 11
    counted = len(answers) * found.training(tokens, len(llm.opening(template)), 12)
    assert counted == pytest.approx(counting.get_total_flops(), rel=0.02)
    with counter() as counting, torch.no_grad():
        llm.told(template, soft, answers)
    counted = len(answers) * found.forward(tokens, len(llm.opening(template)), 12)
    assert counted == pytest.approx(counting.get_total_flops(), rel=0.02)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_parameters_are_those_of_the_model(config: PretrainedConfig) -> None:
    model = AutoModelForCausalLM.from_config(config)
    facts = LanguageModel(model, frozen().tokenizer).facts()
    assert sizes(config).parameters == facts["parameters"]
    assert sizes(config).layers == facts["layers"]


def test_llama_7b_costs_what_the_arithmetic_says() -> None:
    seven = sizes(
        LlamaConfig(
            hidden_size=4096,
            intermediate_size=11008,
            num_hidden_layers=32,
            num_attention_heads=32,
            vocab_size=32000,
        )
    )
    assert seven.matrices == pytest.approx(6.476e9, rel=1e-3)
    assert seven.parameters == pytest.approx(6.738e9, rel=1e-3)
    # a question of 60 tokens, of which 18 or 20 are shared, and an answer of 100 or 25
    assert seven.training(142, 18, 100) == pytest.approx(3.75e12, rel=0.02)
    assert seven.training(65, 20, 25) == pytest.approx(1.70e12, rel=0.02)


def test_a_token_meets_only_the_experts_it_is_sent_to() -> None:
    one, two = (
        sizes(
            MixtralConfig(
                **SMALL, intermediate_size=64, num_attention_heads=4, num_experts_per_tok=n
            )
        )
        for n in (1, 2)
    )
    assert two.parameters == one.parameters
    assert two.matrices - one.matrices == SMALL["num_hidden_layers"] * 3 * 48 * 64


def test_a_machine_has_a_rate() -> None:
    rate = gemm_rate(torch.device("cpu"), torch.float32, seconds=0.05)
    assert 1e8 < rate < 1e14
