"""What a request to an endpoint may cost at most, and what its reply says that it did.

A refusal (4xx) is billed by nobody. What failed on the server's side, broke off, took too long or says nothing of its
tokens may have been: its maximum counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spider_opt.models.budget import Hold, most_prompt_tokens
from spider_opt.models.openai import refusals, replies
from spider_opt.models.openai.wire import Reply
from spider_opt.models.openai.words import read_json

_MAY_BE_BILLED = (408, 499)
"""Statuses below 500 that are about time, not about the request."""


def most(request: Mapping[str, Any]) -> tuple[int, int]:
    """Return the most tokens of a request's prompt and of its answers.

    >>> most({"prompt": "SELECT", "max_tokens": 10, "n": 3})
    (86, 30)
    """
    messages: Sequence[Mapping[str, str]] = request.get("messages", ())
    texts = [message["content"] for message in messages] if messages else [str(request.get("prompt", ""))]
    tokens = request.get("max_tokens", request.get("max_completion_tokens", 0))
    return most_prompt_tokens(texts), int(tokens) * int(request.get("n", 1))


def tell(hold: Hold | None, reply: Reply) -> None:
    """Tell what was set aside for a request what its reply says of it."""
    if hold is None:
        return
    if 300 <= reply.status < 500 and reply.status not in _MAY_BE_BILLED:
        hold.unbilled()
        return
    said = read_json(reply.body)
    if not isinstance(said, Mapping):
        return
    status = refusals.status_inside(said.get("error"))
    usage = replies.usage_of(said, reply.seconds)
    if not usage.untold and (usage.prompt_tokens or not replies.choices_of(said)):  # an answer to no prompt is none
        hold.told(usage)
    elif 400 <= status < 500 and status not in _MAY_BE_BILLED and not replies.choices_of(said):
        hold.unbilled()
