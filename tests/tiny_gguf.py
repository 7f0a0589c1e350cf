"""Random weights of a few hundred kilobytes that llama.cpp opens: tokens are bytes, answers are noise.

They stand for real ones where it does not matter what is answered: in what order things end, and what is kept.
"""

from __future__ import annotations

from pathlib import Path

import pytest

WIDTH, LAYERS, HEADS, KV_HEADS, INNER = 64, 2, 4, 2, 96
RANK = 4
ROWS = {"attn_q": (WIDTH, WIDTH), "attn_v": (WIDTH // 2, WIDTH), "ffn_down": (WIDTH, INNER), "ffn_up": (INNER, WIDTH)}
"""The matrices that an adapter changes, (rows, columns)."""
MARKS = ["<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# The letter that GPT-2 writes for each byte: itself where it can be seen, else one from 256 on.
SEEN = {*range(33, 127), *range(161, 173), *range(174, 256)}
UNSEEN = [byte for byte in range(256) if byte not in SEEN]
LETTERS = [chr(byte if byte in SEEN else 256 + UNSEEN.index(byte)) for byte in range(256)]


def write_tiny_gguf(path: Path, *, n_ctx: int = 1 << 15) -> Path:
    """Write the same weights each time."""
    np, gguf = pytest.importorskip("numpy"), pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_context_length(n_ctx)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(LETTERS + MARKS)
    writer.add_token_types([gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * len(MARKS))
    writer.add_token_merges(["a b"])  # there must be one; it makes no token that there is
    writer.add_eos_token_id(256 + MARKS.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    random = np.random.default_rng(0)
    kv_width = WIDTH // HEADS * KV_HEADS
    shapes = {"token_embd.weight": (256 + len(MARKS), WIDTH), "output.weight": (256 + len(MARKS), WIDTH)}
    norms = ["output_norm.weight"]
    for i in range(LAYERS):
        for name, rows in (("q", WIDTH), ("k", kv_width), ("v", kv_width)):
            shapes |= {f"blk.{i}.attn_{name}.weight": (rows, WIDTH), f"blk.{i}.attn_{name}.bias": (rows,)}
        shapes |= {f"blk.{i}.attn_output.weight": (WIDTH, WIDTH), f"blk.{i}.ffn_down.weight": (WIDTH, INNER)}
        shapes |= {f"blk.{i}.ffn_{name}.weight": (INNER, WIDTH) for name in ("gate", "up")}
        norms += [f"blk.{i}.attn_norm.weight", f"blk.{i}.ffn_norm.weight"]
    for name, shape in shapes.items():
        numbers = (random.standard_normal(shape) / 5).astype(np.float32)
        if name == "output.weight":
            numbers[256:] = 0  # marks are never the likeliest, so an answer is as long as it may be
        writer.add_tensor(name, numbers)
    for name in norms:
        writer.add_tensor(name, np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_tiny_adapter(path: Path, *, seed: int = 0, size: float = 0.3, layers: int = LAYERS) -> Path:
    """Write a LoRA adapter of the tiny weights, in float16."""
    np, gguf = pytest.importorskip("numpy"), pytest.importorskip("gguf")
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0 * RANK)
    for layer in range(layers):
        for name, (rows, columns) in ROWS.items():
            for side, shape in (("a", (RANK, columns)), ("b", (rows, RANK))):
                numbers = (size * rng.standard_normal(shape)).astype(np.float16)
                writer.add_tensor(f"blk.{layer}.{name}.weight.lora_{side}", numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
