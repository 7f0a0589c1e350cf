"""A tiny random model, a tokenizer with a token for each byte, and questions to learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from spider_opt.training.dataset import Item
from spider_opt.types import Column, Question, Schema, Table

HELD_OUT = "database_6"  # by the hash of its name, see test_validation.py
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(autouse=True, scope="module")
def needed(request: pytest.FixtureRequest) -> None:
    """Import what a module names in ``NEEDS`` before its first test, not when the tests are collected.

    With torch in the process, scoring starts its own ones anew instead of forking them, which is slow.
    """
    for name in getattr(request.module, "NEEDS", ()):
        setattr(request.module, name, pytest.importorskip(name))


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """More of them only wait for each other where models are tiny and other tests run beside."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(one_thread: None) -> Callable[..., Any]:
    """Makes models that are alike for the same arguments; they attend as packs do."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from spider_opt.models.torch.lora import attend_packed

    transformers.AttentionInterface.register("packed", attend_packed)

    def make(*, kv_heads: int = 2, seed: int = 0, tied: bool = False) -> Any:
        torch.manual_seed(seed)
        config = transformers.Qwen2Config(
            vocab_size=300,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=kv_heads,
            initializer_range=0.2,  # so large that it matters what a token sees, and where it stands
            tie_word_embeddings=tied,
            attn_implementation="packed",
        )
        return transformers.Qwen2ForCausalLM(config)

    return make


@pytest.fixture(scope="session")
def tuned(tiny: Callable[..., Any]) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """Makes a tiny model with LoRA whose weights are random, also those that begin at 0."""
    import torch

    from spider_opt.models.torch.lora import add_lora

    def make(*, int8: bool = False, rank: int = 4, **options: Any) -> tuple[Any, dict[str, Any]]:
        model = tiny(**options)
        lora = add_lora(model, rank=rank, alpha=2.0 * rank, seed=1, int8=int8)
        generator = torch.Generator().manual_seed(2)
        for layer in lora.values():
            torch.nn.init.normal_(layer.b, std=0.1, generator=generator)
        return model, lora

    return make


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """A tokenizer of bytes, with a template for chats."""
    pytest.importorskip("transformers")
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytewise = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    bytewise.add_special_tokens([AddedToken("<|im_start|>"), AddedToken("<|im_end|>")])
    made = PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<|im_end|>")
    made.chat_template = TEMPLATE
    return made


@pytest.fixture(scope="session")
def lessons() -> Callable[..., list[Item]]:
    """Makes questions of one database, with their queries."""

    def make(n: int, db_id: str = "shop", kind: str = "train", n_tables: int = 2) -> list[Item]:
        columns = (Column("id", "INT", primary_key=True), Column("name", "TEXT"), Column("price", "INT"))
        schema = Schema(db_id, tuple(Table(f"t{i}", columns) for i in range(n_tables)))
        return [
            Item(
                Question(f"{kind}-{db_id}-{i:04d}", f"Which cost {i}?", schema),
                f"SELECT name FROM t{i % n_tables} WHERE price = {i}",
            )
            for i in range(n)
        ]

    return make
