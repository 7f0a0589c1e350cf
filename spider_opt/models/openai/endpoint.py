"""One endpoint as a place to send requests to: connections, patience, secrets kept, and what is no answer told apart.

What fails in a way that may pass is asked again, shown as it happens, and left alone for as long as the server wants.
A failure amid an answer, a filter's silence, and nothing but a thought are errors of their kind (``NoAnswer``), never
an empty answer. No error holds a key, not even behind it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from spider_opt.errors import ModelError, NoAnswer, UsageError
from spider_opt.models.budget import Account, Hold
from spider_opt.models.openai import billing, refusals, replies
from spider_opt.models.openai.keys import checked_headers, key_for, masked, name_of_key
from spider_opt.models.openai.patience import Patience, after_s, spell
from spider_opt.models.openai.refusals import Passing, Refusal
from spider_opt.models.openai.urls import is_loopback
from spider_opt.models.openai.wire import Broken, Reply, Wire
from spider_opt.models.openai.words import read_json, shortened, words_of
from spider_opt.models.secrets import keep_out_of_logs, secrets_in, secrets_of_url, told_secrets
from spider_opt.types import Completion
from spider_opt.wording import argument

PROBE_TIMEOUT_S = 5.0
_LOG = logging.getLogger("spider_opt")


class Answers(NamedTuple):
    """What a request got: samples that are answers, and how many there were in all."""

    good: list[Completion]
    n: int


class Endpoint:
    """Where one model is asked; threads may share it. The arguments are those of ``OpenAIModel``.

    ``shown`` is what sentences call the ``base_url``; ``answered`` says whether it ever gave an answer.

    Raises:
        UsageError: a header cannot be sent.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        shown: str,
        api_key: str | None,
        headers: Mapping[str, str] | None,
        timeout_s: float,
        max_retries: int,
        max_bytes: int,
    ) -> None:
        self.headers = checked_headers(headers)
        self.answered = False
        self._model = model
        self._url, self._shown = base_url, shown
        keep_out_of_logs(in_url := secrets_of_url(base_url, told_secrets(api_key, self.headers)))
        self._api_key = api_key
        self._is_own_key = not {"authorization", "api-key", "x-api-key"} & {name.lower() for name in self.headers}
        self._key_name = name_of_key(api_key) if self._is_own_key else "the key in the headers that were given"
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._patience = Patience(max_retries)
        self._hidden = tuple(in_url)
        self._secrets: tuple[str, ...] = (*self.headers.values(), *in_url)
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._served: str | None = None
        self.account: Account | None = None

    @property
    def who(self) -> str:
        """What a sentence calls it."""
        return f"{self._model} at {self._shown}"

    def ask(self, path: str, request: Mapping[str, Any]) -> Refusal | Answers:
        """Send a request below the base URL; return what came, or what of it is refused for good.

        Raises:
            ModelUnavailable: nothing answers, or the server wants to be left alone for long.
            ModelError: no answer, of whatever kind.
        """
        self._note_secrets(request)

        def once() -> Refusal | Answers:
            with self._counted(request) as hold:
                reply = self._sent(f"{self._url}/{path}", request, hold)
                billing.tell(hold, reply)
            wait = after_s(reply.headers)
            if not 200 <= reply.status < 300:
                return self._staying(Refusal(reply.status, reply.body, wait, self._secrets))
            said = self._json(reply)
            choices = replies.choices_of(said)
            if isinstance(said, Mapping) and choices:
                return self._answers(said, choices, request, reply.seconds)
            error = said.get("error") if isinstance(said, Mapping) else None
            if status := refusals.status_inside(error):
                return self._staying(Refusal(status, error, wait, self._secrets))
            words = self._words(error or reply.body) or "nothing"
            raise ModelError(f"{self._shown} answered without any choices: {words}")

        return self._patience.ask(once)

    def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """Send JSON to a URL of the same server and return the JSON it answers.

        Raises:
            ModelError: as ``ask``.
        """
        self._note_secrets(body)

        def once() -> Any:
            reply = self._sent(url, body)
            if reply.status != 200:
                raise self.error(Refusal(reply.status, reply.body, after_s(reply.headers), self._secrets))
            return self._json(reply)

        return self._patience.ask(once)

    def models(self) -> object:
        """Return what the server says of its models, None where it says nothing."""
        try:
            reply = self._connected().get(f"{self._url}/models", PROBE_TIMEOUT_S)
        except Broken:
            return None
        return read_json(reply.body) if reply.status == 200 else None

    def error(self, refusal: Refusal) -> ModelError:
        """Say in one sentence what a refusal means."""
        return refusal.error(self._model, self._shown, self._key_name, answered=self.answered)

    def tell(self, text: str) -> None:
        """Show a sentence on what happens now."""
        self._patience.tell(text)

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        self._patience.close()
        with self._lock:
            wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _note_secrets(self, request: Mapping[str, Any]) -> None:
        """Keep what further parameters hold out of what a server says back."""
        further = {name: said for name, said in request.items() if name not in ("messages", "prompt", "grammar")}
        if new := tuple(secret for secret in secrets_in(further) if secret not in self._hidden):
            self._hidden, self._secrets = (*self._hidden, *new), (*self._secrets, *new)

    def _staying(self, refusal: Refusal) -> Refusal:
        error = self.error(refusal)
        if isinstance(error, Passing):
            raise error
        return refusal

    def _answers(
        self, said: Mapping[str, Any], choices: list[replies.Choice], request: Mapping[str, Any], seconds: float
    ) -> Answers:
        faults = [self._fault(choice, request) for choice in choices]
        good = [choice for choice, fault in zip(choices, faults, strict=True) if fault is None]
        if not good and faults[0] is not None:
            raise faults[0]
        self.answered = True
        served = replies.served_of(said, self._model)
        self._note_served(served)
        return Answers(replies.completions(good, replies.usage_of(said, seconds), served), len(choices))

    def _fault(self, choice: replies.Choice, request: Mapping[str, Any]) -> ModelError | None:
        """Say why a sample is no answer, None for one that is."""
        if choice.text is None:
            return ModelError(f"{self._shown} answered with something that is not text.")
        if choice.finish == replies.FAILED:
            words = self._words(choice.error) or "it does not say why"
            return Passing(f"{self.who} failed amid its answer: {words}")
        if choice.text.strip():
            return None
        if choice.finish == replies.FILTERED:
            return ModelError(f"The filter of {self.who} keeps back the answer to this question.", NoAnswer.FILTERED)
        if choice.thought.strip():
            tokens = request.get("max_tokens", request.get("max_completion_tokens"))
            cut = f"thought for all of its {tokens} tokens" if choice.finish == replies.CUT else "only thought,"
            said = f"{self.who} {cut} and answered nothing: {refusals.more_tokens()}"
            return ModelError(said, NoAnswer.ONLY_THOUGHT)
        return None

    def _note_served(self, served: str) -> None:
        """Say once that another model answers than the one that was asked for, and when that changes."""
        with self._lock:
            before, self._served = self._served, served
        if before is None and replies.is_another(served, self._model):
            _LOG.warning("%s: %r answers there (it is noted in run.json).", self.who, served)
        elif before is not None and before != served:
            self.tell(f"{self.who}: {served or self._model!r} answers now, {before or self._model!r} did before.")

    @contextmanager
    def _counted(self, request: Mapping[str, Any]) -> Iterator[Hold | None]:
        if self.account is None:
            yield None
            return
        with self.account.request(*billing.most(request)) as hold:
            yield hold

    def _sent(self, url: str, body: Mapping[str, Any], hold: Hold | None = None) -> Reply:
        try:
            wire = self._connected()
            return wire.post(url, body, self._still_waiting)
        except Broken as broken:
            if hold is not None and broken.kind == "nothing there":
                hold.unbilled()
            broken.detail = masked(broken.detail, self._secrets)
            error = refusals.broken(broken, self._model, self._shown, self._timeout_s)
            may_be_back = self.answered or not is_loopback(self._url)  # nothing listened on this machine: nor will it
            if broken.kind == "nothing there" and may_be_back:
                error = refusals.Gone(str(error))
        except ValueError as unsayable:
            if hold is not None:
                hold.unbilled()
            raise UsageError(f"a parameter of the request is nothing that JSON can say: {unsayable}") from None
        raise error

    def _words(self, said: object) -> str:
        return shortened(masked(words_of(said), self._secrets))

    def _still_waiting(self, seconds: float) -> None:
        given = f"it is given {spell(self._timeout_s)}: {argument('timeout_s', option='--request-timeout')}"
        self.tell(f"{self.who}: no answer yet after {spell(seconds)} ({given})")

    def _json(self, reply: Reply) -> Any:
        said = read_json(reply.body)
        if said is None and reply.body.strip() != b"null":
            words = self._words(reply.body) or "nothing"
            raise ModelError(f"{self._shown} answered with something that is not JSON: {words}")
        return said

    def _connected(self) -> Wire:
        with self._lock:
            if self._wire is None:
                local = is_loopback(self._url)
                headers: dict[str, str] = {}
                if "authorization" not in {name.lower() for name in self.headers}:
                    key = key_for(self._shown, self._api_key, needed=not local and not self.headers)
                    self._secrets = tuple(filter(None, (key, *self.headers.values(), *self._hidden)))
                    headers = {"Authorization": f"Bearer {key or 'none'}"}
                self._wire = Wire(
                    headers | self.headers, local=local, timeout_s=self._timeout_s, max_bytes=self._max_bytes
                )
            return self._wire
