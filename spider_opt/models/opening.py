"""Opens a model by what the user typed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from spider_opt.errors import UsageError
from spider_opt.models import weights
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.models.llamacpp import server
from spider_opt.models.llamacpp.embedded import EmbeddedModel
from spider_opt.models.openai.chat import OpenAIModel
from spider_opt.paths import cache_dir
from spider_opt.types import ChatModel, ModelInfo


def open_model(
    name: str | None = None,
    base_url: str | None = None,
    *,
    adapters: Sequence[Path] = (),
    timeout_s: float = 300.0,
    logprobs: bool = False,
    n_ctx: int = 8192,
) -> ChatModel:
    """Open a model of the catalog in this process, or one behind an endpoint.

    With ``base_url`` the endpoint is asked, whatever the name. Without one, a name of the catalog (the
    default: ``qwen2.5-coder-0.5b``) is served here, after fetching its weights with a progress bar where they
    are missing; any other name is OpenAI's, if ``OPENAI_API_KEY`` is set. ``adapters`` (GGUF LoRA files) and
    ``n_ctx`` (tokens, prompt and answer together) are for a model served here.

    Raises:
        UsageError: the name means nothing here.
        WeightsError: the weights cannot be had.
        ModelUnavailable: llama.cpp is not installed.
    """
    if base_url is None and (name is None or name in CATALOG):
        path, info = _weights(name or DEFAULT_MODEL, adapters)
        prefixes = cache_dir() / "prefixes"
        return EmbeddedModel(
            path, info=info, adapters=adapters, n_ctx=n_ctx, timeout_s=timeout_s, logprobs=logprobs, prefixes=prefixes
        )
    if adapters:
        raise UsageError("An adapter can only be put on an embedded model: leave --base-url out")
    if base_url is not None and not base_url.startswith(("http://", "https://")):
        raise UsageError(f"{base_url!r} is no base URL; one looks like http://127.0.0.1:8000/v1")
    if name is None:
        raise UsageError(f"Which model at {base_url}? Name it with --model")
    if base_url is None and not os.environ.get("OPENAI_BASE_URL") and not os.environ.get("OPENAI_API_KEY"):
        chats = ", ".join(entry.name for entry in CATALOG.values() if entry.chats)
        raise UsageError(
            f"There is no embedded model {name!r} (there are: {chats}). "
            "For a model elsewhere give --base-url URL, for OpenAI's set OPENAI_API_KEY."
        )
    return OpenAIModel(name, base_url=base_url, logprobs=logprobs, timeout_s=timeout_s)


def _weights(name: str, adapters: Sequence[Path]) -> tuple[Path, ModelInfo]:
    entry = CATALOG[name]
    if not entry.chats:
        raise UsageError(f"{name} turns text into vectors and answers no questions; the default is {DEFAULT_MODEL}.")
    server.binding()  # before half a gigabyte is fetched for nothing
    path = fetched(name)
    adapter = "+".join(weights.sha256_of(adapter) for adapter in adapters)
    return path, ModelInfo(name, entry.sha256, adapter)


def fetched(name: str) -> Path:
    """Return the path of some weights, after fetching them with a progress bar where they are missing.

    Raises:
        WeightsError: they cannot be had.
    """
    path = weights.find(name)
    if path is None:
        with bytes_bar(f"Fetching {name}") as progress:
            path = weights.fetch(name, progress=progress)
    return path


@contextmanager
def bytes_bar(what: str) -> Iterator[weights.Progress]:
    """Show bytes, speed and time left on stderr; yield the function that moves the bar."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
