"""An adapter as files, read back by others' readers."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from spider_opt.errors import TrainingError, WeightsError
from spider_opt.models.torch.gguf import (
    check_architecture,
    fits_q8_0,
    read_gguf,
    write_adapter,
    write_gguf,
    write_peft,
)
from spider_opt.paths import cache_dir
from spider_opt.types import Request

if TYPE_CHECKING:
    import gguf
    import torch

    from spider_opt.models.torch.base import Base

NEEDS = ("torch", "gguf")

USERS_CACHE = cache_dir()  # read before the tests get a cache of their own
Made = Callable[..., tuple[Any, dict[str, Any]]]
PARTS = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "adapter.gguf"


def test_the_file_says_what_llama_cpp_looks_for(tuned: Made, path: Path) -> None:
    from spider_opt.models.torch.lora import weights_of

    _, lora = tuned(rank=4)
    write_gguf(path, weights_of(lora), architecture="qwen2", alpha=8.0, name="mine")
    reader = gguf.GGUFReader(path)
    said = {name: reader.fields[name].contents() for name in reader.fields if not name.startswith("GGUF.")}
    assert said == {
        "general.architecture": "qwen2",
        "general.type": "adapter",
        "general.name": "mine",
        "adapter.type": "lora",
        "adapter.lora.alpha": 8.0,
    }
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert set(tensors) == {f"blk.{i}.{name}.weight.lora_{side}" for i in range(2) for name in PARTS for side in "ab"}
    for name, layer in lora.items():
        number, part = (
            name.split(".")[2],
            PARTS[["q", "k", "v", "o", "gate", "up", "down"].index(name.split(".")[-1][:-5])],
        )
        for side in "ab":
            kept, weight = tensors[f"blk.{number}.{part}.weight.lora_{side}"], getattr(layer, side).detach()
            assert kept.tensor_type == gguf.GGMLQuantizationType.F16
            assert [*reversed(kept.shape.tolist())] == [*weight.shape]  # GGUF tells the fastest dimension first
            torch.testing.assert_close(torch.tensor(kept.data).float(), weight, rtol=1e-3, atol=1e-6)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_same_weights_make_the_same_file(tuned: Made, path: Path, tmp_path: Path) -> None:
    from spider_opt.models.torch.lora import weights_of

    for name in ("adapter.gguf", "other.gguf"):
        _, lora = tuned()
        write_gguf(tmp_path / name, weights_of(lora), architecture="qwen2", alpha=8.0, name="mine")
    assert path.read_bytes() == (tmp_path / "other.gguf").read_bytes()


def test_read_back_it_is_what_was_written(tuned: Made, path: Path) -> None:
    from spider_opt.models.torch.lora import take_weights, weights_of

    _, lora = tuned(rank=4)
    weights = weights_of(lora)
    write_gguf(path, weights, architecture="qwen2", alpha=6.5, name="mine")
    read, alpha, rank, architecture = read_gguf(path)
    assert (alpha, rank, architecture) == (6.5, 4, "qwen2")
    assert set(read) == set(weights)
    for name, weight in weights.items():
        assert read[name].dtype == torch.float32
        assert torch.equal(read[name], weight.detach().half().float()), name
    _, other = tuned(rank=4)
    take_weights(other, read)
    write_gguf(path.with_name("again.gguf"), weights_of(other), architecture="qwen2", alpha=alpha, name="mine")
    assert path.with_name("again.gguf").read_bytes() == path.read_bytes()


def test_in_eight_bits(tuned: Made, path: Path) -> None:
    from spider_opt.models.torch.lora import weights_of

    _, lora = tuned(rank=32)
    weights = weights_of(lora)
    assert fits_q8_0(weights)
    write_gguf(path, weights, architecture="qwen2", alpha=64.0, name="mine", dtype="q8_0")
    tensors = gguf.GGUFReader(path).tensors
    assert {tensor.tensor_type for tensor in tensors} == {gguf.GGMLQuantizationType.Q8_0}
    shapes = {(*reversed(tensor.shape.tolist()),) for tensor in tensors}
    assert shapes == {(*weight.shape,) for weight in weights.values()}, "of the numbers, not of their bytes"
    read, alpha, rank, _ = read_gguf(path)
    assert (alpha, rank, set(read)) == (64.0, 32, set(weights))
    for name, weight in weights.items():
        blocks = weight.detach().reshape(-1, 32)
        half_a_step = blocks.abs().amax(1, keepdim=True) / 127 / 2
        assert ((read[name].reshape(-1, 32) - blocks).abs() <= half_a_step * 1.2 + 1e-6).all(), name
    again = path.with_name("again.gguf")
    write_gguf(again, read, architecture="qwen2", alpha=alpha, name="mine", dtype="q8_0")
    for name, weight in read_gguf(again).weights.items():
        torch.testing.assert_close(weight, read[name], rtol=2e-3, atol=1e-6)
    half = path.with_name("half.gguf")
    write_gguf(half, weights, architecture="qwen2", alpha=64.0, name="mine")
    assert sum(tensor.n_bytes for tensor in tensors) == pytest.approx(
        sum(tensor.n_bytes for tensor in gguf.GGUFReader(half).tensors) * 34 / 64
    )


@pytest.mark.parametrize("rank", [4, 48])
def test_rows_that_are_no_whole_blocks(tuned: Made, path: Path, rank: int) -> None:
    from spider_opt.models.torch.lora import weights_of

    _, lora = tuned(rank=rank)
    assert not fits_q8_0(weights_of(lora))
    with pytest.raises(ValueError, match="in q8_0 the length of each row must be a multiple of 32"):
        write_gguf(path, weights_of(lora), architecture="qwen2", alpha=8.0, name="mine", dtype="q8_0")
    assert not path.exists()


def test_files_that_are_no_adapter(tuned: Made, path: Path) -> None:
    from spider_opt.models.torch.lora import weights_of

    with pytest.raises(WeightsError, match="is no adapter that this version can read"):
        read_gguf(path)
    _, lora = tuned()
    write_gguf(path, weights_of(lora), architecture="qwen2", alpha=8.0, name="mine")
    whole = path.read_bytes()
    no_name = whole.replace(b"blk.0.attn_q.weight", b"blk.0.attn_z.weight")
    no_arch = whole.replace(b"qwen2", b"llama")
    for broken in (b"", b"lora", b"GGUF", whole[:200], whole[:-5000], no_name, no_arch):
        path.write_bytes(broken)
        with pytest.raises(WeightsError, match="is no adapter that this version can read"):
            read_gguf(path)


def test_models_whose_rows_need_another_order_are_refused(path: Path) -> None:
    for kind in ("llama", "gpt2"):
        with pytest.raises(
            TrainingError, match=f"An adapter of a {kind} model cannot be written as GGUF, only of: qwen2"
        ):
            write_gguf(path, {}, architecture=kind, alpha=8.0, name="mine")
        with pytest.raises(TrainingError, match=kind):
            check_architecture(kind)
    check_architecture("qwen3")
    assert not path.exists()


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT asks for it
def test_peft_reads_the_folder_and_answers_alike(tuned: Made, tiny: Callable[..., Any], tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from spider_opt.models.torch.lora import weights_of

    model, lora = tuned(rank=4)
    write_peft(tmp_path / "peft", weights_of(lora), base="tiny", rank=4, alpha=8.0)
    model.set_attn_implementation("eager")
    plain = tiny()
    plain.set_attn_implementation("eager")
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    before = plain(ids).logits
    read = peft.PeftModel.from_pretrained(plain, tmp_path / "peft")
    with torch.no_grad():
        torch.testing.assert_close(read(ids).logits, model(ids).logits, rtol=1e-4, atol=1e-4)
        assert (read(ids).logits - before).abs().max() > 0.1
    assert read.peft_config["default"].r == 4


# --- the real model, where its weights are on this machine -------------------------------------

REAL = "qwen2.5-coder-0.5b"
SCHEMA = (
    "CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT, age INTEGER);\n"
    "CREATE TABLE concert (id INTEGER PRIMARY KEY, year INTEGER);\n\n"
)
# Chosen for answers that rounding does not turn: each token leads the next best by at least half a logit.
QUESTIONS = ["How many singers are there?", "How old is the oldest singer?", "List the years of all concerts."]
N_TOKENS = 8


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[Path, Base]]:
    """The file that serves the real model, and what is tuned, opened once; what a test adds to it, it takes away."""
    from spider_opt.errors import ModelUnavailable
    from spider_opt.models import weights
    from spider_opt.models.llamacpp import server
    from spider_opt.models.torch.base import open_base

    pytest.importorskip("peft")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIDER_OPT_CACHE", str(USERS_CACHE))
        try:
            server.binding()
        except ModelUnavailable as error:
            pytest.skip(str(error))
        path = weights.find(REAL)
        if path is None:
            pytest.skip(f"no weights here; type: spider-opt models pull {REAL}, or set SPIDER_OPT_WEIGHTS")
        yield path, open_base(REAL, dtype=torch.float32)


@pytest.fixture
def merged_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What other code put into weights is not read, and no user's file makes room for a test's."""
    from spider_opt.models.llamacpp import merged

    folder = tmp_path / "merged"
    monkeypatch.setattr(merged, "cache_dir", lambda: folder)
    yield
    shutil.rmtree(folder)


def without(model: Any, lora: dict[str, Any]) -> None:
    """Make a model what it was before ``add_lora``."""
    for name, layer in lora.items():
        model.set_submodule(name, layer.base)


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.usefixtures("merged_anew")
def test_peft_and_the_embedded_model_answer_alike(real: tuple[Path, Base], tmp_path: Path) -> None:
    import peft

    from spider_opt.models import EmbeddedModel
    from spider_opt.models.torch.base import tokens_of
    from spider_opt.models.torch.lora import add_lora, weights_of
    from spider_opt.types import Message

    weights_file, base = real
    lora = add_lora(base.model, rank=4, alpha=8.0, seed=0)
    generator = torch.Generator().manual_seed(1)
    for layer in lora.values():
        torch.nn.init.normal_(layer.b, std=0.05, generator=generator)
    adapter = tmp_path / "adapter.gguf"
    write_gguf(adapter, weights_of(lora), architecture="qwen2", alpha=8.0, name="random")
    write_peft(tmp_path / "peft", weights_of(lora), base=REAL, rank=4, alpha=8.0)
    without(base.model, lora)
    base.model.set_attn_implementation("sdpa")
    tuned = peft.PeftModel.from_pretrained(base.model, tmp_path / "peft")

    def most_probable(prompt: list[int], said: list[int]) -> list[int]:
        """Return what stands after the prompt, and after each token that was said but the last."""
        with torch.no_grad():
            logits = tuned(torch.tensor([prompt + said])).logits[0, len(prompt) - 1 : -1]
        return list(map(int, logits.argmax(dim=1)))

    differs = False
    with EmbeddedModel(weights_file, adapters=[adapter], n_ctx=512, n_threads=1) as embedded:
        for question in QUESTIONS:
            chat = (Message("system", "You write SQLite queries."), Message("user", f"{SCHEMA}Question: {question}"))
            prompt = tokens_of(base.tokenizer, chat)
            [done] = embedded.complete(Request(chat, max_tokens=N_TOKENS))
            assert done.usage.prompt_tokens == len(prompt)
            said = base.tokenizer(done.text)["input_ids"]
            said += [base.tokenizer.eos_token_id] * (done.finish_reason == "stop")
            assert len(said) == done.usage.completion_tokens > 3
            assert most_probable(prompt, said) == said  # so that it says the same when it goes on token by token
            if not differs:
                with tuned.disable_adapter():
                    differs = most_probable(prompt, said) != said
    assert differs  # the adapter did something
    tuned.unload()
    base.model.set_attn_implementation("packed")


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("merged_anew")
def test_an_adapter_in_eight_bits_is_read_by_both(real: tuple[Path, Base], tmp_path: Path) -> None:
    """The decoder computes it beside the weights, llama.cpp in them: what one says is as probable to the other."""
    from spider_opt.models import EmbeddedModel
    from spider_opt.models.torch.base import tokens_of
    from spider_opt.models.torch.lora import add_lora, take_weights, weights_of
    from spider_opt.types import Message

    weights_file, base = real
    base.model.set_attn_implementation("sdpa")
    lora = add_lora(base.model, rank=32, alpha=64.0, seed=0)
    generator = torch.Generator().manual_seed(1)
    for layer in lora.values():
        torch.nn.init.normal_(layer.b, std=0.02, generator=generator)
    adapter = tmp_path / "adapter.gguf"
    write_gguf(adapter, weights_of(lora), architecture="qwen2", alpha=64.0, name="random", dtype="q8_0")
    assert adapter.stat().st_size < 20_000_000
    read, alpha, rank, _ = read_gguf(adapter)
    assert (alpha, rank) == (64.0, 32)
    take_weights(lora, read)
    chats = [
        (Message("system", "You write SQLite queries."), Message("user", f"{SCHEMA}Question: {question}"))
        for question in QUESTIONS
    ]
    with EmbeddedModel(weights_file, adapters=[adapter], n_ctx=512, n_threads=1, logprobs=True) as embedded:
        done = [embedded.complete(Request(chat, max_tokens=N_TOKENS))[0] for chat in chats]

    def logprob(chat: tuple[Message, ...], text: str) -> float:
        prompt, said = tokens_of(base.tokenizer, chat), base.tokenizer(text)["input_ids"]
        with torch.no_grad():
            logits = base.model(torch.tensor([prompt + said])).logits[0, len(prompt) - 1 : -1]
        return float(logits.log_softmax(dim=1).gather(1, torch.tensor(said)[:, None]).mean())

    tuned = [logprob(chat, one.text) for chat, one in zip(chats, done, strict=True)]
    for layer in lora.values():
        torch.nn.init.zeros_(layer.b)
    untuned = [logprob(chat, one.text) for chat, one in zip(chats, done, strict=True)]
    without(base.model, lora)
    base.model.set_attn_implementation("packed")
    for one, own, other in zip(done, tuned, untuned, strict=True):
        assert one.logprob is not None
        assert abs(one.logprob - own) < 0.1 < abs(own - other)  # the adapter did something


def test_a_full_disk_leaves_what_was_there_and_no_part(
    tuned: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_opt.models.torch.lora import weights_of

    weights = weights_of(tuned(rank=4)[1])

    def write() -> None:
        write_adapter(tmp_path, weights, base="m", architecture="qwen2", rank=4, alpha=8.0)

    write()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", full)
    with pytest.raises(OSError, match="No space left"):
        write()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
