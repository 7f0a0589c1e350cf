"""A model of the catalog for torch: the GGUF file that llama.cpp serves, dequantized once."""

from __future__ import annotations

import ctypes
import gc
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from spider_opt.errors import ModelUnavailable, UsageError
from spider_opt.models.catalog import weights_named
from spider_opt.models.weights import fetch
from spider_opt.paths import cache_dir
from spider_opt.types import Message

if TYPE_CHECKING:
    from transformers import PreTrainedModel


NOT_INSTALLED = (
    "The packages for tuning and for the torch engine are not installed; type: pip install 'spider-opt[train]'"
)
# Parameters of glibc's mallopt; what is given back is so at its own defaults.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_KEPT = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 256 << 20}
_GIVEN_BACK = {_MMAP_MAX: 65536, _TRIM_THRESHOLD: 128 << 10, _TOP_PAD: 128 << 10}
_keeping: set[object] = set()
"""One for each model that has memory kept."""


@dataclass(frozen=True, slots=True)
class Base:
    """A model of the catalog with its tokenizer, both of transformers."""

    name: str
    sha256: str
    model: PreTrainedModel
    tokenizer: Any


def open_base(name: str, *, dtype: Any, device: str = "cpu") -> Base:
    """Open a model of the catalog; what was dequantized stands in the cache.

    Raises:
        ModelUnavailable: torch, or what else is needed, is not installed.
        UsageError: the model writes no text.
        WeightsError: the weights cannot be had.
    """
    entry = weights_named(name)
    if not entry.chats:
        raise UsageError(f"{name} writes no text, and can neither be asked nor tuned.")
    transformers = import_transformers()
    from spider_opt.models.torch.lora import attend_packed

    transformers.AttentionInterface.register("packed", attend_packed)
    gc.collect()  # a model that was tuned or asked before, and is no more, makes room for this one
    _tell_malloc({}, trim=True)
    folder = folder_of(name)
    if not (folder / "config.json").is_file():
        _dequantize(transformers, fetch(name), folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="packed")
    return Base(name, entry.sha256, model.to(device), transformers.AutoTokenizer.from_pretrained(folder))


def folder_of(name: str) -> Path:
    """Return where a model of the catalog stands once it is dequantized; it has a ``config.json`` then."""
    return cache_dir() / "training" / weights_named(name).sha256


def import_transformers() -> Any:
    """Import transformers, quietly, which needs torch.

    Raises:
        ModelUnavailable: one of them is not installed.
    """
    try:
        import gguf  # noqa: F401
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise ModelUnavailable(NOT_INSTALLED) from error
    transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("transformers").setLevel(logging.ERROR)
    return transformers


def tokens_of(tokenizer: Any, asked: Sequence[Message] | str) -> list[int]:
    """Return the tokens of a plain prompt, or of a chat by the model's own template, up to where the answer begins."""
    if isinstance(asked, str):
        return list(tokenizer(asked)["input_ids"])
    said = [{"role": message.role, "content": message.content} for message in asked]
    text = tokenizer.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def keep_memory() -> Callable[[], None]:
    """Have this process keep the memory that it frees from now on, where the C library is glibc; return what ends that.

    To be called when the model is open: what opening it takes for a while is given back then.
    A step frees and takes hundreds of buffers of tens of MiB. They would all go back to the system, which clears each
    page before it gives it out again, at times for longer than the computing takes.

    What is returned is to be called when the model is not asked any more: then what is free goes back, and the next
    model finds memory as the first did. Where several keep it, it is kept until the last one ends.
    """
    one = object()
    _keeping.add(one)
    _tell_malloc(_KEPT, trim=True)

    def give_back() -> None:
        if one in _keeping:
            _keeping.discard(one)
            gc.collect()
            _tell_malloc({} if _keeping else _GIVEN_BACK, trim=True)

    return give_back


def _tell_malloc(parameters: Mapping[int, int], *, trim: bool = False) -> None:
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for parameter, value in parameters.items():
            library.mallopt(parameter, value)
        if trim:
            library.malloc_trim(0)


@contextmanager
def _read_once() -> Iterator[None]:
    """Have transformers read a GGUF file once, as plain arrays.

    It would do so three times, each of which takes as long as the weights do: the vocabulary is cut out of a memmap,
    token by token, and slices of those take three times as long as slices of arrays.
    """
    import gguf
    import numpy as np

    class Reader(gguf.GGUFReader):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value.view(np.ndarray) if name == "data" else value)

    real = gguf.GGUFReader
    setattr(gguf, "GGUFReader", cache(Reader))  # noqa: B010
    try:
        yield
    finally:
        setattr(gguf, "GGUFReader", real)  # noqa: B010


def _dequantize(transformers: Any, path: Path, folder: Path) -> None:
    import torch

    config = transformers.GgufConfig(gguf_file=path.name, dequantize=True)
    options = {"gguf_file": path.name}
    with _read_once():
        tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, **options)
        # bfloat16 keeps every digit that 4 to 6 bits had, at half the size.
        model = transformers.AutoModelForCausalLM.from_pretrained(
            path.parent, quantization_config=config, dtype=torch.bfloat16, **options
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as name:
        part = Path(name) / "model"
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        if not (folder / "config.json").is_file():  # another process may have been faster
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)
