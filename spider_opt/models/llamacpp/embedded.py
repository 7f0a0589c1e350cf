"""The model that needs nothing: weights on this machine, served by llama.cpp inside this process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from spider_opt.cache_use import cache_in_use
from spider_opt.errors import WeightsError
from spider_opt.models.adapters import check_unchanged
from spider_opt.models.llamacpp.merged import ENGINE, merged
from spider_opt.models.llamacpp.server import LlamaServer
from spider_opt.models.llamacpp.slots import N_SIDE_BY_SIDE
from spider_opt.paths import file_hash
from spider_opt.processors import usable_processors
from spider_opt.temporary import temporary_folder
from spider_opt.types import Completion, ModelInfo, Request


class EmbeddedModel:
    """A GGUF file served in this process; may be called from several threads, which take turns but with adapters.

    The server starts with the first call and ends with ``close``, ``with``, or the process. ``adapters`` are
    GGUF LoRA files; with these many threads are answered side by side, from a file of the weights with what the
    adapters learnt in them, which is written into the cache first. ``n_ctx`` is the context in tokens, prompt and
    answer together; ``n_threads`` falls back on the number of cores this process may use. In the folder ``prefixes``
    the server keeps what it computed for the beginnings of prompts, by default only until it ends, and only with
    adapters, where one thread goes on from what another began.
    """

    def __init__(
        self,
        path: Path,
        *,
        info: ModelInfo | None = None,
        adapters: Sequence[Path] = (),
        n_ctx: int = 8192,
        n_threads: int | None = None,
        timeout_s: float = 300.0,
        logprobs: bool = False,
        prefixes: Path | None = None,
    ) -> None:
        self.path = path
        self.info = info or ModelInfo(path.stem)
        if adapters:
            self.info = replace(self.info, engine=ENGINE, adapter=self.info.adapter or _hashes(adapters))
        self.adapters = tuple(adapters)
        self.cache_tag = ("" if self.info.sha256 else str(path.resolve())) + (" logprobs" if logprobs else "")
        self._settings: dict[str, Any] = {
            "n_ctx": n_ctx,
            "n_threads": n_threads or usable_processors(),
            "timeout_s": timeout_s,
            "logprobs": logprobs,
            "prefixes": prefixes,
        }
        self._lock = threading.Lock()
        self._server: LlamaServer | None = None
        self._use = ExitStack()

    def __enter__(self) -> Self:
        self._started()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str | None:
        """Where the server listens, None while it does not run."""
        return self._server.url if self._server else None

    def complete(self, request: Request) -> list[Completion]:
        """Return the samples, the i-th with ``seed + i``; the first call starts the server.

        Raises:
            ModelUnavailable: the server cannot be started.
            WeightsError: there is no such file; or an adapter cannot be put into the weights, or is another one now.
            ModelError: this request got no answer.
        """
        server = self._started()
        prompt = server.tokens(request.messages)
        body = {"temperature": request.temperature, "max_tokens": request.max_tokens, "stop": list(request.stop)}
        extra = dict(request.extra) | ({"grammar": request.grammar} if request.grammar else {})
        return [
            done
            for i in range(0, request.n, N_SIDE_BY_SIDE)
            for done in server.ask(prompt, body | {"seed": request.seed + i}, extra, min(N_SIDE_BY_SIDE, request.n - i))
        ]

    def close(self) -> None:
        """Stop the server and free its memory; the next call starts it again."""
        with self._lock:
            server, self._server = self._server, None
            use = self._use.pop_all()
        with use:
            if server is not None:
                server.stop()

    def _started(self) -> LlamaServer:
        with self._lock:
            if self._server is None:
                if not self.path.is_file():
                    raise WeightsError(f"No weights at {self.path}.")
                self._use.enter_context(cache_in_use())
                path, settings = self.path, dict(self._settings)
                if self.adapters:
                    path = merged(self.path, self.adapters)
                    check_unchanged(self.adapters, self.info.adapter)
                    settings["prefixes"] = settings["prefixes"] or self._use.enter_context(temporary_folder())
                self._server = LlamaServer(self.info.name, path, alike=bool(self.adapters), **settings)
            return self._server


def _hashes(adapters: Sequence[Path]) -> str:
    """Return who adapters are, as ``ModelInfo`` has it."""
    try:
        return "+".join(map(file_hash, adapters))
    except OSError as error:
        raise WeightsError(f"No adapter at {error.filename}.") from error
