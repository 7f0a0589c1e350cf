"""Reads what an endpoint answered: completions out of the JSON of a reply, however a server spells it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spider_opt.types import Completion, Usage

CUT, FILTERED, FAILED = "length", "content_filter", "error"
# How servers call it that an answer is cut, filtered or failed.
_FINISHES = (
    {"length", "max_tokens", "model_length", "max_output_tokens", "max_length", "token_limit"},
    {"content_filter", "filtered", "safety", "recitation", "prohibited_content", "blocklist", "spii"},
    {"error", "failed", "abort", "aborted", "cancelled", "malformed_response"},
)  # fmt: skip
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "thought")


@dataclass(frozen=True, slots=True)
class Choice:
    """One sample of a reply. ``text`` is None where there is no text at all, ``thought`` what came before it.

    ``error`` is what the server says of a sample that failed.
    """

    text: str | None
    thought: str
    finish: str
    logprob: float | None
    error: object = None


def choices_of(reply: object) -> list[Choice]:
    """Return the samples in a reply; none where it is no reply."""
    choices = reply.get("choices") if isinstance(reply, Mapping) else None
    return [_choice(choice) for choice in choices] if isinstance(choices, list) else []


def usage_of(reply: Mapping[str, Any], seconds: float) -> Usage:
    """Return what a reply cost; a server that tells no tokens, or not in numbers, leaves the call untold."""
    usage = reply.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else None
    return Usage(
        calls=1,
        prompt_tokens=prompt or 0,
        cached_tokens=cached or 0,
        completion_tokens=completion or 0,
        seconds=round(seconds, 3),
        untold=int(prompt is None or completion is None),
    )


def served_of(reply: Mapping[str, Any], asked: str) -> str:
    """Return what a server says of the model that answered: its name, where that is another one, and its version.

    >>> served_of({"model": "gull-7b"}, "m"), served_of({"model": "m", "system_fingerprint": "fp_1"}, "m")
    ('gull-7b', 'm fp_1')
    >>> served_of({"model": "m", "system_fingerprint": None}, "m"), served_of({"model": 7}, "m")
    ('', '')
    """
    name, version = reply.get("model"), reply.get("system_fingerprint")
    name = _line(name) if isinstance(name, str) and name.strip() else asked
    version = _line(version) if isinstance(version, str) else ""
    return "" if name == asked and not version else f"{name} {version}".strip()


def is_another(served: str, asked: str) -> bool:
    """Tell whether a server names another model than was asked for, not the same one in other words.

    >>> is_another("gull-7b", "m"), is_another("gpt-4.1-2025-04-14 fp_1", "gpt-4.1"), is_another("", "m")
    (True, False, False)
    >>> is_another("gull", "tern/gull:free"), is_another("m fp_1", "m")
    (False, False)
    """
    name, wanted = served.partition(" ")[0].lower(), asked.lower()
    return bool(served) and name not in wanted and wanted not in name


def completions(choices: Sequence[Choice], usage: Usage, served: str) -> list[Completion]:
    """Turn samples into completions; the usage stands on the first."""
    rest = (Usage() for _ in choices[1:])
    return [
        Completion(choice.text or "", cost, choice.finish, choice.logprob, served)
        for choice, cost in zip(choices, (usage, *rest), strict=True)
    ]


def _choice(choice: object) -> Choice:
    if not isinstance(choice, Mapping):
        return Choice(None, "", "stop", None)
    message = choice.get("message")
    if isinstance(message, Mapping):
        thought, text = _parts(message.get("content"))
        thought = thought or next((said for name in _THOUGHTS if (said := _thought(message.get(name)))), "")
        if text == "" and isinstance(message.get("refusal"), str):
            text = message["refusal"]  # words, only no content
    else:
        thought, text = _parts(choice.get("text", message))
        text = None if choice.get("text", message) is None else text
    finish = choice.get("finish_reason")
    finish = finish.lower() if isinstance(finish, str) and finish else "stop"
    for known, names in zip((CUT, FILTERED, FAILED), _FINISHES, strict=True):
        finish = known if finish in names else finish
    return Choice(text, thought, finish, _logprob(choice.get("logprobs")), choice.get("error"))


def _parts(content: object) -> tuple[str, str | None]:
    """Return (thought, text) of a content: a text, nothing, or a list of parts, of which some are thoughts."""
    if content is None:
        return "", ""  # silence is an answer; so is a refusal
    if isinstance(content, str):
        return "", content
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        return "", None
    thoughts, texts = [], []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping):
            kind = str(part.get("type", "text"))
            if kind in ("thinking", "reasoning", "thought", "redacted_thinking") or part.get("thought") is True:
                thoughts.append(_thought(part.get("thinking", part.get("text", part.get("content")))) or "…")
            elif isinstance(part.get("text"), str):
                texts.append(part["text"])
            elif isinstance(part.get("refusal"), str):
                texts.append(part["refusal"])
        else:
            return "", None
    return "".join(thoughts), "".join(texts)


def _thought(said: object) -> str:
    if isinstance(said, list):
        return "".join(map(_thought, said))
    if isinstance(said, Mapping):
        return next(
            (text for name in ("text", "thinking", "content", "summary") if (text := _thought(said.get(name)))), ""
        )
    return said if isinstance(said, str) else ""


def _count(value: object) -> int | None:
    """Return a number of tokens, None for what is none.

    >>> _count(7), _count("7"), _count(7.0), _count("seven"), _count(-1), _count(True), _count(None)
    (7, 7, 7, None, None, None, None)
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 15:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        return None
    return int(value)


def _logprob(logprobs: object) -> float | None:
    """Return the mean over tokens; chat and llama.cpp list tokens, OpenAI's plain completions list numbers."""
    if not isinstance(logprobs, Mapping):
        return None
    content, numbers = logprobs.get("content"), logprobs.get("token_logprobs")
    if isinstance(content, list):
        numbers = [token.get("logprob") for token in content if isinstance(token, Mapping)]
    values = [
        float(number)
        for number in (numbers if isinstance(numbers, list) else ())
        if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
    ]
    return sum(values) / len(values) if values else None


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
