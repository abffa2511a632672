"""The embedded LLM: a small LLaMA and a byte-level BPE, made from a catalogue's titles alone.

It stands in for a large pretrained LLM where there is no network and no GPU. It can spell every
title (bytes), knows the titles as words, and is taught in `teaching` to read a soft vector in a
slot. The fixed sentences of our prompts are single tokens of its vocabulary, as in "superword"
vocabularies: a model this small need not spend its layers on spelling them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from recinterpreter.settings.language_model import EmbeddedLLM

BEGIN, END, PAD = "<s>", "</s>", "<pad>"


def make_tokenizer(titles: Sequence[str], phrases: Sequence[str], vocabulary: int) -> Any:
    """Train a byte-level BPE on titles and add each phrase as one token.

    vocabulary: size of the whole vocabulary; small catalogues may fill less of it.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(phrases),
        special_tokens=[PAD, BEGIN, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(titles, trainer)
    bpe.add_tokens([AddedToken(phrase, normalized=False) for phrase in phrases])
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        clean_up_tokenization_spaces=False,
    )


def make_model(settings: EmbeddedLLM, tokenizer: Any) -> Any:
    """Build the untaught LLaMA: tied embeddings, standard deviation 1 / sqrt(H) at the start."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        intermediate_size=8 * settings.hidden_size // 3,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=settings.hidden_size**-0.5,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)
