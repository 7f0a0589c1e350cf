"""Reads what an endpoint answered: completions out of a reply, one sentence out of an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from spider_opt.errors import ModelError, ModelUnavailable
from spider_opt.types import Completion, Usage

if TYPE_CHECKING:
    import openai

Adaptation = Literal["max_tokens", "n", "temperature", "seed", "logprobs"]
_ADAPTABLE: tuple[Adaptation, ...] = ("max_tokens", "n", "temperature", "seed", "logprobs")


def completions_of(reply: Any, seconds: float, base_url: str) -> list[Completion]:
    """Turn a reply of ``openai`` (chat or plain) into completions; the usage stands on the first.

    Raises:
        ModelError: the reply holds no choices.
    """
    choices = getattr(reply, "choices", None)
    if not isinstance(choices, list) or not choices:
        said = getattr(reply, "error", None)
        raise ModelError(f"{base_url} answered without any choices{f': {said}' if said else '.'}")
    usage = _usage(getattr(reply, "usage", None), seconds)
    done = []
    for choice in choices:
        text = _text(choice)
        if not isinstance(text, str):
            raise ModelError(f"{base_url} answered with something that is not text.")
        done.append(Completion(text, usage, getattr(choice, "finish_reason", None) or "stop", _logprob(choice)))
        usage = Usage()
    return done


def _text(choice: Any) -> Any:
    message = getattr(choice, "message", None)
    if message is None:
        return getattr(choice, "text", None)
    # Silence is an answer, as where the tokens ran out in thought; so is a refusal: words, only no content.
    return getattr(message, "content", None) or getattr(message, "refusal", None) or ""


def _usage(usage: Any, seconds: float) -> Usage:
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        calls=1,
        prompt_tokens=getattr(usage, "prompt_tokens", None) or 0,
        cached_tokens=getattr(details, "cached_tokens", None) or 0,
        completion_tokens=getattr(usage, "completion_tokens", None) or 0,
        seconds=round(seconds, 3),
    )


def _logprob(choice: Any) -> float | None:
    """Return the mean over tokens; chat and llama.cpp list tokens, OpenAI's plain completions list numbers."""
    logprobs = getattr(choice, "logprobs", None)
    content = getattr(logprobs, "content", None)
    if content is not None:
        values = [token["logprob"] if isinstance(token, Mapping) else token.logprob for token in content]
    else:
        values = [value for value in getattr(logprobs, "token_logprobs", None) or () if value is not None]
    return sum(values) / len(values) if values else None


def adaptation_for(error: BaseException | None, request: Mapping[str, Any]) -> Adaptation | None:
    """Name the parameter of ``request`` that a 400 says the endpoint does not take, if it is one to do without."""
    import openai

    if not isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError):
        return None
    said = str(error)
    for name in _ADAPTABLE:
        if name in request and (error.param == name or f"'{name}'" in said or f"`{name}`" in said):
            return name
    return None


def translated(
    error: openai.OpenAIError, model: str, base_url: str, timeout_s: float, key: str = "the key in OPENAI_API_KEY"
) -> ModelError:
    """Say in one sentence what an exception of ``openai`` means; ``key`` is what the key is called."""
    import openai

    cause = type(error.__cause__).__name__
    said = _said(error)
    if isinstance(error, openai.APITimeoutError) and cause != "ConnectTimeout":
        return ModelError(f"{model} at {base_url} gave no answer within {timeout_s:g} s.")
    if isinstance(error, openai.APIConnectionError):
        if cause in ("ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"):
            return ModelUnavailable(f"Nothing answers at {base_url}; check --base-url and the network.")
        return ModelError(f"The connection to {base_url} broke ({cause}).")
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return ModelUnavailable(f"{base_url} refuses {key}: {said}")
    if isinstance(error, openai.NotFoundError):
        return ModelUnavailable(f"{base_url} knows no model {model!r} (a base URL often ends in /v1): {said}")
    if isinstance(error, openai.RateLimitError) and error.code == "insufficient_quota":
        return ModelUnavailable(f"The quota of {key} is used up: {said}")
    if isinstance(error, openai.BadRequestError) and "context" in f"{error.code} {error.type} {said}":
        return ModelError(f"The prompt does not fit into the context of {model}: {said}")
    if isinstance(error, openai.APIStatusError):
        return ModelError(f"{model} at {base_url} answered {error.status_code}: {said}")
    return ModelError(f"{model} at {base_url} gave no answer: {said}")


def _said(error: openai.OpenAIError) -> str:
    """Return the server's own words, in one line."""
    body = getattr(error, "body", None)
    words = body.get("message") if isinstance(body, Mapping) else None
    return " ".join(str(words or error).split())[:300]
