"""Asks any OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, llama.cpp.

An endpoint that refuses a part of a request that one can do without is asked without it, and that is remembered once it
has helped. A request without its temperature, its seed, its system message or its log probabilities is another
question, so ``info`` says what is left out: answers to it are kept, and runs told apart, by that. Only asking shows it,
so the first request of a process always says all. What an earlier process learnt (``assume``) is where kept answers are
looked for until then.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spider_opt.errors import ModelError, NoAnswer, UsageError
from spider_opt.models.budget import Account
from spider_opt.models.manner import without_system
from spider_opt.models.openai.context_length import PROBED_CHARS, ContextLength, may_be_cut
from spider_opt.models.openai.endpoint import Answers, Endpoint
from spider_opt.models.openai.keys import identifying
from spider_opt.models.openai.refusals import NEARLY_ZERO, Adaptation, Refusal, fewer_tables
from spider_opt.models.openai.urls import OPENAI_URL, checked_url
from spider_opt.models.openai.wire import MAX_BYTES
from spider_opt.models.secrets import shown_url, told_secrets
from spider_opt.types import Completion, Message, ModelInfo, Request
from spider_opt.wording import argument

REQUEST_TIMEOUT_S = 300.0
"""The wait for one whole answer."""
MAX_RETRIES = 5
CHANGING = ("temperature", "zero-temperature", "seed", "logprobs", "system")
"""Parameters without which a question is another one; without the others it is only asked in other words."""
SILENT = "(no answer)"
"""Stands for an empty message of the model's, which many servers refuse to be shown."""
_INSTEAD = {
    "system": "a system message; the instruction stands in the user's from here on",
    "zero-temperature": f"temperature 0; it is asked at {NEARLY_ZERO} from here on",
}
_LOG = logging.getLogger("spider_opt")


class OpenAIModel:
    """A model behind an OpenAI-compatible endpoint; may be called from several threads.

    ``base_url`` falls back on ``OPENAI_BASE_URL``, then on OpenAI itself, ``api_key`` on ``OPENAI_API_KEY``; a loopback
    server needs no key, nor do others with ``headers``, which are sent with each request. Keys are told to nobody else;
    of other headers, hashes of their values stand in ``info``. ``timeout_s`` is the wait for one whole answer, of which
    no more than ``max_bytes`` are read; ``max_retries`` is how often a request is sent again. ``logprobs`` asks for
    each sample's mean log probability.

    Raises:
        UsageError: the base URL is none, or has a key in it; or a header cannot be sent.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        info: ModelInfo | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
        max_retries: int = MAX_RETRIES,
        max_bytes: int = MAX_BYTES,
        logprobs: bool = False,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if not timeout_s > 0 or max_bytes < 1:
            raise UsageError(f"{argument('timeout_s', option='--request-timeout')} and max_bytes must be more than 0")
        self.model = model
        self.base_url = checked_url(base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL)
        shown = shown_url(self.base_url, told_secrets(api_key, headers))
        self._endpoint = Endpoint(
            model, self.base_url, shown=shown, api_key=api_key, headers=headers, timeout_s=timeout_s,
            max_retries=max_retries, max_bytes=max_bytes,
        )  # fmt: skip
        self._info = info or ModelInfo(model, endpoint=shown)
        self._manner = identifying(self._endpoint.headers)
        self.cache_tag = ("" if self._info.sha256 else self.base_url) + (" logprobs" if logprobs else "")
        self._logprobs = logprobs
        self._context = ContextLength()
        self._lock = threading.Lock()
        self._adapted: frozenset[Adaptation] = frozenset()
        self._assumed: frozenset[str] = frozenset()
        self._probed = False

    @property
    def info(self) -> ModelInfo:
        """Who answers; its ``manner`` says which parameters are left out, as far as that is known."""
        without = f"without {', '.join(sorted(self.left_out))}" if self.left_out else ""
        manner = "; ".join(filter(None, (self._manner, without)))
        return replace(self._info, manner=manner) if manner else self._info

    @property
    def left_out(self) -> frozenset[str]:
        """The parameters that answers depend on and that the endpoint does not take, as far as that is known."""
        return self._adapted.intersection(CHANGING) if self._endpoint.answered else self._assumed

    def assume(self, left_out: frozenset[str]) -> None:
        """Take this for ``left_out`` until the endpoint has answered."""
        self._assumed = left_out.intersection(CHANGING)

    def complete(self, request: Request) -> list[Completion]:
        """Return the samples; a server that gives fewer at once is asked again with ``seed + i``.

        Of several samples some may be no answers: as many are drawn again, by seeds that none of them had.

        Raises:
            ModelUnavailable: nothing answers, the key is refused, or the model is unknown.
            ModelError: this request got no answer; ``why`` says of what kind that is.
        """
        body: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
        body["prompt" if isinstance(request.messages, str) else "messages"] = request.messages
        if request.stop:
            body["stop"] = list(request.stop)
        body |= dict(request.extra) | ({"grammar": request.grammar} if request.grammar else {})
        self._check_length(request.text)
        done: list[Completion] = []
        drawn = 0
        while len(done) < request.n:
            wanted = 1 if done or "n" in self._adapted else request.n
            try:
                given, n = self._ask(body | {"seed": request.seed + drawn}, wanted)
            except ModelError as error:
                if error.why is NoAnswer.TOO_LONG:
                    self._context.refused(request.text, str(error))
                if error.why not in (NoAnswer.ONLY_THOUGHT, NoAnswer.FILTERED) or not done or drawn >= 2 * request.n:
                    raise
                given, n = [], 1
            done, drawn = done + given, drawn + n
        self._note_length(request.text, done[0])
        return done[: request.n]

    def ask(self, body: Mapping[str, Any], n: int = 1) -> list[Completion]:
        """Send one request, a chat if it has ``messages``; return what came, be it more or less than ``n``.

        Raises:
            ModelError: as ``complete``.
        """
        return self._ask(body, n).good

    def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """Send JSON to a URL of the same server and return the JSON it answers.

        Raises:
            ModelError: as ``complete``.
        """
        return self._endpoint.post(url, body)

    def count_with(self, account: Account) -> None:
        """Set aside with an account what each request may cost, before it is sent."""
        self._endpoint.account = account

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._endpoint.close()

    def _ask(self, body: Mapping[str, Any], n: int) -> Answers:
        tried: frozenset[Adaptation] = frozenset()
        first: Refusal | None = None
        while True:
            adapted = self._adapted | tried
            request = self._shaped(body, n, adapted)
            got = self._endpoint.ask("chat/completions" if "messages" in request else "completions", request)
            if isinstance(got, Refusal):
                change = got.adaptation(request, adapted)
                if change is None:
                    # A server that refuses the newer name of what it refused by the older one means the value.
                    raise self._endpoint.error(first if first and "max_completion_tokens" in got.words else got)
                first = first or got
                tried |= {change}
                continue
            self._adapt(tried | ({"n"} if got.n < n else set()))
            if "stop" in adapted and body.get("stop"):
                return got._replace(good=[_stopped(completion, body["stop"]) for completion in got.good])
            return got

    def _shaped(self, body: Mapping[str, Any], n: int, adapted: frozenset[Adaptation]) -> dict[str, Any]:
        """Complete a request, in the words this endpoint accepts."""
        request: dict[str, Any] = {"model": self.model, **body}
        if "messages" in body:
            messages: Sequence[Message] = body["messages"]
            messages = without_system(tuple(messages)) if "system" in adapted else messages
            request["messages"] = [{"role": m.role, "content": m.content or SILENT} for m in messages]
        if self._logprobs:
            request["logprobs"] = True if "messages" in body else 1
        request = {name: value for name, value in request.items() if name not in adapted}
        if "max_tokens" in adapted:
            request["max_completion_tokens"] = body["max_tokens"]
        if "zero-temperature" in adapted and request.get("temperature") == 0:
            request["temperature"] = NEARLY_ZERO
        if n > 1 and "n" not in adapted:
            request["n"] = n
        return request

    def _adapt(self, changes: frozenset[Adaptation]) -> None:
        """Remember what helped."""
        with self._lock:
            new, self._adapted = changes - self._adapted, self._adapted | changes
        for change in CHANGING:
            if change in new:
                said = _INSTEAD.get(change, f"{change}; it is left out from here on")
                _LOG.warning("%s refuses %s.", self._endpoint.who, said)

    def _check_length(self, text: str) -> None:
        """Refuse a prompt that the model's context surely has no room for, before it is sent.

        Raises:
            ModelError: it has none.
        """
        if len(text) < PROBED_CHARS:
            return
        with self._lock:
            probe, self._probed = not self._probed, True
        if probe:
            self._context.told(self._endpoint.models(), self.model)
        if known := self._context.too_long(text):
            said = (
                f"The prompt does not fit into the context of {self.model} and is not sent: {known}; {fewer_tables()}"
            )
            raise ModelError(said, NoAnswer.TOO_LONG)

    def _note_length(self, text: str, done: Completion) -> None:
        n_tokens = done.usage.prompt_tokens
        self._context.counted(len(text), n_tokens)
        if may_be_cut(len(text), n_tokens):
            self._endpoint.tell(
                f"{self._endpoint.who} counts {n_tokens:,} tokens of a prompt of {len(text):,} characters: it seems to "
                f"cut prompts that are longer than its context; {fewer_tables()}"
            )


def _stopped(completion: Completion, stop: Sequence[str]) -> Completion:
    """Return an answer that ends before any of some texts, as a server that takes no ``stop`` does not let it."""
    ends = [end for text in stop if (end := completion.text.find(text)) >= 0]
    return replace(completion, text=completion.text[: min(ends)], finish_reason="stop") if ends else completion
