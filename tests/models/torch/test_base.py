"""A model of the catalog, opened from what was dequantized."""

from __future__ import annotations

import ctypes
import gc
import resource
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spider_opt.errors import ModelUnavailable, UsageError
from spider_opt.models.catalog import DEFAULT_MODEL, weights_named
from spider_opt.models.torch import base
from spider_opt.models.torch.shared_prefix import laid, packed


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path))
    return tmp_path


def test_what_was_dequantized_is_opened(
    cache: Path, tiny: Callable[..., Any], tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from spider_opt.training.loss import summed_loss

    made = []

    def dequantize(transformers: Any, path: Path, folder: Path) -> None:
        made.append(path)
        tiny().save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    monkeypatch.setattr(base, "fetch", lambda name: Path(f"{name}.gguf"))
    monkeypatch.setattr(base, "_dequantize", dequantize)
    pack = laid(packed([[5, 6, 7], [5, 6, 8]], [[9], [10, 11]]))
    for dtype in (torch.float32, torch.bfloat16):
        opened = base.open_base(DEFAULT_MODEL, dtype=dtype)
        assert (opened.name, opened.sha256) == (DEFAULT_MODEL, weights_named(DEFAULT_MODEL).sha256)
        assert opened.model.dtype == dtype
        assert opened.tokenizer.decode(opened.tokenizer("Lamp")["input_ids"]) == "Lamp"
        with torch.no_grad():
            assert summed_loss(opened.model, pack) > 0
    assert made == [Path(f"{DEFAULT_MODEL}.gguf")]

    before = tiny()
    before.itself = [before]  # as models are, which nothing but the collector frees
    gone = weakref.ref(before)
    gc.disable()  # of itself
    try:
        del before
        assert gone() is not None
        base.open_base(DEFAULT_MODEL, dtype=torch.float32)
        assert gone() is None
    finally:
        gc.enable()


def test_what_cannot_be_tuned_is_refused(cache: Path) -> None:
    with pytest.raises(UsageError, match="all-minilm-l6-v2 writes no text, and can neither"):
        base.open_base("all-minilm-l6-v2", dtype=None)
    with pytest.raises(UsageError, match="nonsense"):
        base.open_base("nonsense", dtype=None)


@pytest.mark.parametrize("missing", ["gguf", "torch", "transformers"])
def test_a_missing_package_is_named_by_what_to_type(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModelUnavailable, match=r"pip install 'spider-opt\[train\]'"):
        base.import_transformers()


def test_memory_is_kept_where_the_system_can(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class Without:
        def __init__(self, name: None) -> None:
            asked.append(name)

    monkeypatch.setattr(base.ctypes, "CDLL", Without)
    base.keep_memory()()  # a C library without mallopt
    assert len(asked) == (2 if sys.platform == "linux" else 0)


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc's malloc")
def test_memory_is_kept_until_the_last_model_ends() -> None:
    """In a process of its own, 30 buffers of 10 MiB, which keep each other from the end of the heap."""
    code = f"""
from pathlib import Path
from spider_opt.models.torch.base import keep_memory

def mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * {resource.getpagesize()} / 2**20

def work():
    buffers = [bytearray(b"x" * (10 << 20)) for _ in range(30)]
    last = bytearray(b"x" * (1 << 20))
    del buffers
    return last, mib()

before = mib()
one, other = keep_memory(), keep_memory()
last, kept = work()
one()
one()  # again is nothing
last, still = work()
other()
given_back = mib()
last, after = work()
print(*(round(size - before) for size in (kept, still, given_back, after)))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    kept, still, given_back, after = map(int, said.split())
    assert kept >= 300
    assert still >= 300
    assert given_back < 50
    assert after < 50


def test_a_file_is_read_once_and_as_it_is(tuned: Callable[..., Any], tmp_path: Path) -> None:
    import gguf
    import numpy as np

    from spider_opt.models.torch.gguf import write_gguf
    from spider_opt.models.torch.lora import weights_of

    path = tmp_path / "any.gguf"
    _, lora = tuned()
    write_gguf(path, weights_of(lora), architecture="qwen2", alpha=8.0, name="any")
    real = gguf.GGUFReader
    plain = real(path)
    with pytest.raises(RuntimeError), base._read_once():  # noqa: PT012
        read = gguf.GGUFReader(path)
        assert gguf.GGUFReader(path) is read
        raise RuntimeError
    assert gguf.GGUFReader is real
    assert read.fields.keys() == plain.fields.keys()
    assert all(read.fields[name].contents() == plain.fields[name].contents() for name in plain.fields)
    for one, other in zip(read.tensors, plain.tensors, strict=True):
        assert (one.name, one.tensor_type) == (other.name, other.tensor_type)
        assert type(one.data) is np.ndarray
        assert np.array_equal(one.data, other.data)
