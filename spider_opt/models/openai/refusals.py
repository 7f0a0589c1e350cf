"""What an endpoint refuses: what it can be asked without, and one sentence for each kind of refusal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from spider_opt.errors import ModelError, ModelUnavailable, NoAnswer
from spider_opt.models.openai.keys import masked
from spider_opt.models.openai.wire import Broken
from spider_opt.models.openai.words import read_json, shortened, words_of
from spider_opt.wording import argument, either

Adaptation = Literal[
    "max_tokens", "n", "temperature", "zero-temperature", "seed", "logprobs", "stop", "system"
]  # fmt: skip
NEARLY_ZERO = 0.01
"""The temperature where a server wants more than 0."""
_PARAMETERS: tuple[Adaptation, ...] = ("max_tokens", "n", "temperature", "seed", "logprobs", "stop")
_REFUSING = (
    r"not (?:be )?(?:support|permit|allow|accept|recogni|implement|enabled|available)|unsupport|unknown|unrecogni"
    r"|unexpected|extra (?:input|field)|forbidden|invalid|must|cannot|can't|should|only|no such|cannot find"
)
_QUOTES = "['\"`\u2018\u2019\u201c\u201d.]"
_POSITIVE = re.compile(r"temperature\W.*(positive|greater than 0|above 0|> ?0|larger than 0|non-?zero)", re.IGNORECASE)
_SYSTEM = re.compile(
    r"system[ '\"`_-]*(role|message|prompt|instruction)|role\W{0,4}system|['\"`]system['\"`]|developer instruction"
    r"|roles must alternate|(start|begin)s? with (a |an )?['\"`]?user",
    re.IGNORECASE,
)
_FILTER = re.compile(
    r"content_filter|content_policy|content (?:filter|management policy)|responsibleai|moderation|flagged"
    r"|safety (?:system|polic|setting|filter)|(?:prompt|input|request|content) (?:was|is|has been) (?:filtered|blocked)"
    r"|blocked by|violat\w* (?:our |the )?(?:usage |content )?polic|data_inspection",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context[ _-](?:length|window|size|limit)|maximum context|max_model_len|exceeds? the (?:available )?context"
    r"|(?:prompt|input|request)\b.{0,60}\b(?:too long|too large|too many tokens)"
    r"|(?:too long|too many tokens)\b.{0,40}\bprompt|(?:input|prompt) tokens? .{0,40}(?:exceed|limit|maximum|must be)"
    r"|tokens?_limit|string_above_max|reduce the length|maximum (?:input |prompt )?(?:length|tokens)"
    r"|longer than the (?:maximum|model)|inputs` tokens",
    re.IGNORECASE,
)
_PASSES = frozenset({408, 409, 425, 429, *range(500, 600)}) - {501, 505}


class Passing(ModelError):
    """A fault of the server that may pass; ``after_s`` is how long it wants to be left alone, ``slow`` that it hung."""

    def __init__(self, message: str, *, after_s: float | None = None, slow: bool = False) -> None:
        super().__init__(message, NoAnswer.TIMEOUT if slow else NoAnswer.FAULT)
        self.after_s = after_s
        self.slow = slow


class Gone(Passing, ModelUnavailable):
    """Nothing answers where something did, or may: it may come back."""


class Refusal:
    """What a server says instead of an answer: ``status``, its ``words``, a ``code`` and the parameter it names.

    ``secrets`` are what the words must not say.
    """

    def __init__(self, status: int, body: object, after_s: float | None = None, secrets: Sequence[str] = ()) -> None:
        self.status = status
        self.after_s = after_s
        self.words = masked(words_of(body), secrets)
        said = read_json(body) if isinstance(body, bytes | str) else body
        said = said[0] if isinstance(said, list) and said else said
        error = said.get("error") if isinstance(said, Mapping) else None
        fields = {**(said if isinstance(said, Mapping) else {}), **(error if isinstance(error, Mapping) else {})}
        inner = fields.get("innererror")  # Azure's
        codes = [fields.get(name) for name in ("code", "type", "status")]
        codes += [inner.get("code")] if isinstance(inner, Mapping) else []
        self.code = " ".join(code for code in codes if isinstance(code, str))
        self.parameter = str(fields.get("param") or "")

    def adaptation(self, request: Mapping[str, Any], tried: frozenset[Adaptation]) -> Adaptation | None:
        """Name what of the request the endpoint does not take, if it is something to do without."""
        if self.status not in (400, 415, 422, 501):
            return None
        if self.is_filtered or (self.is_too_long and self.parameter != "max_tokens"):
            return None
        if request.get("temperature") == 0 and _POSITIVE.search(self.words) and "zero-temperature" not in tried:
            return "zero-temperature"
        for name in _PARAMETERS:
            if name in request and name not in tried and self._names(name):
                return name
        chat = request.get("messages")
        begins = isinstance(chat, list) and any(message.get("role") == "system" for message in chat)
        named = _SYSTEM.search(self.words) or re.fullmatch(r"messages\[\d+\]\.role", self.parameter)
        return "system" if begins and named and "system" not in tried else None

    def _names(self, name: str) -> bool:
        if self.parameter == name or re.search(rf"{_QUOTES}{name}{_QUOTES}", self.words):
            return True
        # Without quotes a word is taken for a parameter where it is refused, and "n" only where it is a number's name.
        behind, before = rf"\b{name}\b[^.;]{{0,60}}(?:{_REFUSING})", rf"(?:{_REFUSING})[^.;]{{0,60}}\b{name}\b"
        if name in ("n", "stop"):
            behind = rf"\b{name}\b ?(?:[=><]|must|is not|not|should|cannot|parameter)"
            before = rf"(?:parameters?|arguments?|fields?|unknown|unsupported|inputs?)[^.;\w]{{0,6}}\b{name}\b"
        return bool(re.search(behind, self.words, re.IGNORECASE) or re.search(before, self.words, re.IGNORECASE))

    @property
    def is_filtered(self) -> bool:
        """Whether a filter refuses the prompt."""
        of_the_request = self.status < 500 and self.status not in (401, 408, 429)
        return of_the_request and bool(_FILTER.search(f"{self.code} {self.words}"))

    @property
    def is_too_long(self) -> bool:
        """Whether the prompt is longer than the context."""
        if self.status == 413 or (self.status == 429 and re.search("request too large", self.words, re.IGNORECASE)):
            return True
        return self.status in (400, 422, 500) and bool(_TOO_LONG.search(f"{self.code} {self.words}"))

    def error(self, model: str, base_url: str, key: str, *, answered: bool) -> ModelError:
        """Say in one sentence what it means; ``answered`` says that this endpoint has answered before."""
        status, who = self.status, f"{model} at {base_url}"
        words = shortened(self.words) or "it does not say why"
        if (status < 500 and "insufficient_quota" in self.code) or status == 402:
            return ModelUnavailable(f"The quota of {key} is used up: {words}")
        if status == 401:
            return ModelUnavailable(f"{base_url} refuses {key}: {words}")
        if self.is_filtered:
            return ModelError(f"The filter of {who} refuses this question: {words}", NoAnswer.FILTERED)
        if status == 403 and not answered:
            return ModelUnavailable(f"{base_url} refuses {key}: {words}")
        if self.is_too_long:
            with_answer = re.search(r"max_\w*tokens|completion", self.words, re.IGNORECASE)
            shorter = f"ask for a shorter answer with {argument('max_tokens', 'N')}, or " if with_answer else ""
            said = (
                f"The prompt does not fit into the context of {model}: {words.rstrip('.')}; {shorter}{fewer_tables()}"
            )
            return ModelError(said, NoAnswer.TOO_LONG)
        if status in (404, 405, 410):
            return ModelUnavailable(f"{base_url} knows no model {model!r} (a base URL often ends in /v1): {words}")
        if 300 <= status < 400:
            return ModelUnavailable(
                f"{base_url} sends elsewhere ({status}): give the URL that answers as {argument('base_url')}"
            )
        if status in _PASSES:
            return Passing(f"{who} answered {status}: {words}", after_s=self.after_s)
        why = NoAnswer.REFUSED if 400 <= status < 500 else NoAnswer.FAULT
        return ModelError(f"{who} answered {status}: {words}", why)


def fewer_tables() -> str:
    """Say what helps where a schema is too long."""
    return f"show only the tables that a question is about, as in {argument('method', 'schema:tables=8+zero-shot')}"


def more_tokens() -> str:
    """Say what helps where an answer, or the thought before it, was cut."""
    return f"give it more with {argument('max_tokens', 'N')}"


def status_inside(error: object) -> int:
    """Return the status that stands in an answer of status 200 beside an error, 0 where it has none.

    >>> status_inside({"code": 502}), status_inside({"code": "429"}), status_inside({"code": "no"}), status_inside("no")
    (502, 429, 0, 0)
    """
    code = error.get("code", error.get("status")) if isinstance(error, Mapping) else None
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and 400 <= code < 600 else 0


def broken(error: Broken, model: str, base_url: str, timeout_s: float) -> ModelError:
    """Say in one sentence that there is no whole answer."""
    who = f"{model} at {base_url}"
    if error.kind == "time":
        wait = argument("timeout_s", option="--request-timeout")
        return Passing(f"{who} gave no answer within {timeout_s:g} s ({wait}).", slow=True)
    if error.kind == "nothing there":
        detail = f" ({error.detail})" if " " in error.detail else ""
        return ModelUnavailable(
            f"Nothing answers at {base_url}{detail}; start the server, or check {argument('base_url')}."
        )
    if error.kind == "too large":
        said = f"{who} answered with more than {error.detail}, which is read of no answer{either(' (max_bytes)', '')}."
        return ModelError(said)
    if error.kind == "closed":
        return ModelUnavailable(f"{who} was closed while it was asked.")
    return Passing(f"The connection to {base_url} broke ({error.detail}).")
