"""Asks any OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, llama.cpp.

The only place where exceptions of ``openai`` are translated. Timeouts, 429 and 5xx are retried by the
client, which honours the server's ``Retry-After``; 400, 401 and 404 never are. An endpoint that refuses a
parameter newer or older than itself is asked again without it, once, and that is remembered.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spider_opt.errors import ModelError, ModelUnavailable
from spider_opt.models.openai.replies import Adaptation, adaptation_for, completions_of, translated
from spider_opt.types import Completion, ModelInfo, Request

if TYPE_CHECKING:
    import openai

OPENAI_URL = "https://api.openai.com/v1"
CONNECT_TIMEOUT_S = 10.0
_LOG = logging.getLogger("spider_opt")


def is_loopback(url: str) -> bool:
    """Tell whether a URL names this very machine.

    >>> is_loopback("http://127.0.0.1:8080/v1"), is_loopback("http://localhost/v1"), is_loopback("https://api.openai.com")
    (True, True, False)
    """
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


class OpenAIModel:
    """A model behind an OpenAI-compatible endpoint; may be called from several threads.

    The key comes from ``OPENAI_API_KEY``; a loopback server needs none. ``base_url`` falls back on
    ``OPENAI_BASE_URL``, then on OpenAI itself. ``timeout_s`` is the wait for one request, ``logprobs``
    asks for each sample's mean log probability.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        info: ModelInfo | None = None,
        timeout_s: float = 300.0,
        max_retries: int = 5,
        logprobs: bool = False,
        api_key: str | None = None,
    ) -> None:
        self.model = model
        self.base_url = (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")
        self.info = info or ModelInfo(model)
        self.cache_tag = ("" if self.info.sha256 else self.base_url) + (" logprobs" if logprobs else "")
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._logprobs = logprobs
        self._api_key = api_key
        self._client: openai.OpenAI | None = None
        self._lock = threading.Lock()
        self._adapted: frozenset[Adaptation] = frozenset()

    def complete(self, request: Request) -> list[Completion]:
        """Return the samples; a server that gives fewer at once is asked again with ``seed + i``.

        Raises:
            ModelUnavailable: nothing answers, the key is refused, or the model is unknown.
            ModelError: this request got no answer.
        """
        body: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
        if isinstance(request.messages, str):
            body["prompt"] = request.messages
        else:
            body["messages"] = [{"role": message.role, "content": message.content} for message in request.messages]
        if request.stop:
            body["stop"] = list(request.stop)
        extra = dict(request.extra) | ({"grammar": request.grammar} if request.grammar else {})
        if extra:
            body["extra_body"] = extra
        done: list[Completion] = []
        while len(done) < request.n:
            wanted = 1 if done or "n" in self._adapted else request.n
            given = self.ask(body | {"seed": request.seed + len(done)}, wanted)
            if len(given) < wanted:
                self._adapt("n")
            done += given
        return done[: request.n]

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def ask(self, body: Mapping[str, Any], n: int = 1) -> list[Completion]:
        """Send one request, a chat if it has ``messages``; return what came, be it more or less than ``n``.

        Raises:
            ModelError: as ``complete``.
        """
        client = self._connected()
        while True:
            adapted = self._adapted
            request = self._shaped(body, n, adapted)
            create = client.chat.completions.create if "messages" in request else client.completions.create
            started = time.perf_counter()
            try:
                with self._translating():
                    reply = create(**request)
            except ModelError as error:
                change = adaptation_for(error.__cause__, request)
                if change is None or change in adapted:
                    raise
                self._adapt(change)
            else:
                return completions_of(reply, time.perf_counter() - started, self.base_url)

    def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """Send JSON to a URL of the same server and return the JSON it answers.

        Raises:
            ModelError: as ``complete``.
        """
        client = self._connected()
        with self._translating():
            return client.post(url, cast_to=object, body=dict(body))

    @contextmanager
    def _translating(self) -> Iterator[None]:
        import openai

        try:
            yield
        except openai.OpenAIError as error:
            raise translated(error, self.model, self.base_url, self._timeout_s) from error
        except ValueError as error:
            raise ModelError(f"{self.base_url} answered with something that is not JSON.") from error

    def _shaped(self, body: Mapping[str, Any], n: int, adapted: frozenset[Adaptation]) -> dict[str, Any]:
        """Complete a request, in the words this endpoint accepts."""
        request: dict[str, Any] = {"model": self.model, **body}
        if self._logprobs:
            request["logprobs"] = True if "messages" in body else 1
        request = {name: value for name, value in request.items() if name not in adapted}
        if "max_tokens" in adapted:
            request["max_completion_tokens"] = body["max_tokens"]
        if n > 1 and "n" not in adapted:
            request["n"] = n
        return request

    def _adapt(self, change: Adaptation) -> None:
        with self._lock:
            known, self._adapted = change in self._adapted, self._adapted | {change}
        if not known and change in ("temperature", "seed", "logprobs"):
            _LOG.warning("%s at %s refuses %s; it is left out from here on.", self.model, self.base_url, change)

    def _connected(self) -> openai.OpenAI:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> openai.OpenAI:
        import openai

        local = is_loopback(self.base_url)
        key = self._api_key or os.environ.get("OPENAI_API_KEY") or ("none" if local else "")
        if not key:
            raise ModelUnavailable(
                f"No key for {self.base_url}: set OPENAI_API_KEY in the environment (to anything if it needs none)."
            )
        if local:
            self._knock()
        return openai.OpenAI(
            api_key=key,
            base_url=self.base_url,
            max_retries=self._max_retries,
            timeout=openai.Timeout(self._timeout_s, connect=min(CONNECT_TIMEOUT_S, self._timeout_s)),
            # A proxy from the environment cannot reach a server on this machine.
            http_client=openai.DefaultHttpxClient(trust_env=False) if local else None,
        )

    def _knock(self) -> None:
        """Fail at once, not after all retries, where nothing listens on this machine."""
        url = urlsplit(self.base_url)
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            socket.create_connection((url.hostname or "", port), timeout=CONNECT_TIMEOUT_S).close()
        except OSError as error:
            raise ModelUnavailable(
                f"Nothing answers at {self.base_url}; start the server or fix --base-url."
            ) from error
