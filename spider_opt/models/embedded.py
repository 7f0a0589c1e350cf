"""The model that needs nothing: llama.cpp's server inside this process.

The server listens on a loopback port of its own choosing behind a key of its own, and is asked as any
other endpoint. It starts with the first call and ends with ``close``, ``with``, or the process.
"""

from __future__ import annotations

import importlib
import os
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spider_opt.errors import ModelUnavailable, WeightsError
from spider_opt.models.chat import OpenAIModel
from spider_opt.types import Completion, Message, ModelInfo


class EmbeddedModel:
    """A GGUF file served by llama.cpp in this process; may be called from several threads.

    ``adapters`` are GGUF LoRA files. ``n_ctx`` is the context of one slot in tokens, ``n_parallel`` the
    number of slots; ``n_threads`` falls back on the number of cores this process may use.
    """

    def __init__(
        self,
        path: Path,
        *,
        info: ModelInfo | None = None,
        adapters: Sequence[Path] = (),
        n_ctx: int = 4096,
        n_parallel: int = 1,
        n_threads: int | None = None,
        timeout_s: float = 600.0,
        logprobs: bool = False,
    ) -> None:
        self.path = path
        self.info = info or ModelInfo(path.stem)
        self.adapters = tuple(adapters)
        self.cache_tag = ("" if self.info.sha256 else str(path.resolve())) + (" logprobs" if logprobs else "")
        self.n_parallel = n_parallel
        self._n_ctx = n_ctx
        self._n_threads = n_threads or usable_cores()
        self._timeout_s = timeout_s
        self._logprobs = logprobs
        self._lock = threading.Lock()
        self._server: Any = None
        self._client: OpenAIModel | None = None

    def __enter__(self) -> Self:
        self._started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def complete(
        self,
        messages: Sequence[Message] | str,
        *,
        n: int = 1,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        grammar: str | None = None,
        max_tokens: int = 512,
    ) -> list[Completion]:
        """Return ``n`` samples; the first call starts the server.

        Raises:
            ModelUnavailable: the server cannot be started.
            ModelError: this request got no answer.
        """
        return self._started().complete(
            messages, n=n, temperature=temperature, seed=seed, stop=stop, grammar=grammar, max_tokens=max_tokens
        )

    def close(self) -> None:
        """Stop the server and free its memory; the next call starts it again."""
        with self._lock:
            client, self._client, self._server = self._client, None, None
        if client is not None:
            client.close()

    def _started(self) -> OpenAIModel:
        with self._lock:
            if self._client is None:
                self._client = self._start()
            return self._client

    def _start(self) -> OpenAIModel:
        try:
            xllamacpp = importlib.import_module("xllamacpp")
        except ImportError as error:
            raise ModelUnavailable("llama.cpp is not installed: pip install 'spider-opt[embedded]'") from error
        for path in (self.path, *self.adapters):
            if not path.is_file():
                raise WeightsError(f"No weights at {path}.")
        key = secrets.token_urlsafe(24)
        try:
            self._server = xllamacpp.Server(self._params(xllamacpp, key))
        except RuntimeError as error:
            raise ModelUnavailable(f"llama.cpp cannot load {self.path}: {error}") from error
        return OpenAIModel(
            self.info.name,
            base_url=f"{self._server.listening_address}/v1",
            info=self.info,
            timeout_s=self._timeout_s,
            max_retries=0,
            logprobs=self._logprobs,
            extra_body={"cache_prompt": True},
            api_key=key,
        )

    def _params(self, xllamacpp: Any, key: str) -> Any:
        params = xllamacpp.CommonParams()
        params.model.path = str(self.path)
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(path), 1.0) for path in self.adapters]
        params.api_keys = [key]
        params.ui = False
        params.verbosity = -1
        params.n_parallel = self.n_parallel
        params.n_ctx = self._n_ctx * self.n_parallel
        params.fit_params = False
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._n_threads
        return params


def usable_cores() -> int:
    """Count the cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
