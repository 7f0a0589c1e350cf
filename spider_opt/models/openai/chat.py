"""Asks any OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, llama.cpp.

The only place where exceptions of ``openai`` are translated. Timeouts, 429 and 5xx are retried by the
client, which honours the server's ``Retry-After``; 400, 401 and 404 never are. An endpoint that refuses a
parameter newer or older than itself is asked again without it, once, and that is remembered.

A request without its temperature, its seed or its log probabilities is another question, so ``info`` says what is
left out: answers to it are kept, and runs told apart, by that. Only asking shows it, so the first request of a process
always says all. What an earlier process learnt (``assume``) is where kept answers are looked for until then.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spider_opt.errors import ModelError, ModelUnavailable
from spider_opt.models.openai.replies import Adaptation, adaptation_for, completions_of, translated
from spider_opt.models.openai.urls import OPENAI_URL, checked_url, is_loopback
from spider_opt.types import Completion, ModelInfo, Request

if TYPE_CHECKING:
    import openai

CONNECT_TIMEOUT_S = 10.0
CHANGING = frozenset({"temperature", "seed", "logprobs"})
"""Parameters without which a question is another one; without the others it is only asked in other words."""
_LOG = logging.getLogger("spider_opt")


class OpenAIModel:
    """A model behind an OpenAI-compatible endpoint; may be called from several threads.

    ``base_url`` falls back on ``OPENAI_BASE_URL``, then on OpenAI itself, ``api_key`` on ``OPENAI_API_KEY``; a loopback
    server needs no key, nor do others with ``headers``, which are sent with each request. Neither is told to anyone
    else, and answers are kept whatever they are: what changes an answer does not belong there. ``timeout_s`` is the
    wait for one request, ``logprobs`` asks for each sample's mean log probability.

    Raises:
        UsageError: the base URL is none, or has a key in it.
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
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.model = model
        self.base_url = checked_url(base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL)
        self._info = info or ModelInfo(model)
        self.cache_tag = ("" if self._info.sha256 else self.base_url) + (" logprobs" if logprobs else "")
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._logprobs = logprobs
        self._api_key = api_key
        self._headers = dict(headers or {})
        self._client: openai.OpenAI | None = None
        self._lock = threading.Lock()
        self._adapted: frozenset[Adaptation] = frozenset()
        self._assumed: frozenset[str] = frozenset()
        self._answered = False

    @property
    def info(self) -> ModelInfo:
        """Who answers; its ``manner`` says which parameters are left out, as far as that is known."""
        if not self.left_out:
            return self._info
        return replace(self._info, manner=f"without {', '.join(sorted(self.left_out))}")

    @property
    def left_out(self) -> frozenset[str]:
        """The parameters that answers depend on and that the endpoint does not take, as far as that is known."""
        return self._adapted & CHANGING if self._answered else self._assumed

    def assume(self, left_out: frozenset[str]) -> None:
        """Take this for ``left_out`` until the endpoint has answered."""
        self._assumed = left_out & CHANGING

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
                self._answered = True
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
            key = "the key that was given" if self._api_key else "the key in OPENAI_API_KEY"
            said = translated(error, self.model, self.base_url, self._timeout_s, key)
            raise type(said)(self._without_secrets(str(said))) from error
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
        if not known and change in CHANGING:
            _LOG.warning("%s at %s refuses %s; it is left out from here on.", self.model, self.base_url, change)

    def _connected(self) -> openai.OpenAI:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> openai.OpenAI:
        import openai

        local = is_loopback(self.base_url)
        key = self._api_key or os.environ.get("OPENAI_API_KEY") or ("none" if local or self._headers else "")
        if not key:
            raise ModelUnavailable(
                f"No key for {self.base_url}: set OPENAI_API_KEY in the environment (to anything if it needs none)."
            )
        if local:
            self._knock()
        return openai.OpenAI(
            api_key=key,
            base_url=self.base_url,
            default_headers=self._headers,
            max_retries=self._max_retries,
            timeout=openai.Timeout(self._timeout_s, connect=min(CONNECT_TIMEOUT_S, self._timeout_s)),
            # A proxy from the environment cannot reach a server on this machine.
            http_client=openai.DefaultHttpxClient(trust_env=False) if local else None,
        )

    def _without_secrets(self, text: str) -> str:
        """Return what a server says without the key and the headers, which some say back."""
        for secret in (self._api_key or os.environ.get("OPENAI_API_KEY") or "", *self._headers.values()):
            text = text.replace(secret, "…") if len(secret) > 3 else text
        return text

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
