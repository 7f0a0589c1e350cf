"""How a model is asked otherwise than methods ask: more tokens, no system message, further parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from spider_opt.errors import UsageError
from spider_opt.models.secrets import hash_in, hidden
from spider_opt.types import JSON, ChatModel, Completion, Message, ModelInfo, Request

OURS = frozenset(
    {"model", "messages", "prompt", "n", "temperature", "seed", "stop", "max_tokens", "max_completion_tokens",
     "grammar", "logprobs", "stream"}
)  # fmt: skip
"""Parameters that a request, or how the model was opened, says; a further one cannot say otherwise."""


@dataclass(frozen=True)
class Manner:
    """Changes each request before it is sent.

    ``max_tokens`` stands in place of what methods ask for: a model that thinks before it answers needs more. Without
    ``system`` the instruction is put before the user's first words, for models that know no system message. ``extra``
    are further parameters (``{"reasoning_effort": "low"}``); what a request has itself stays. What of them is a secret,
    ``secrets`` among it, is sent and nowhere shown.

    Raises:
        UsageError: a value that makes no sense.
    """

    max_tokens: int | None = None
    system: bool = True
    extra: Mapping[str, JSON] = field(default_factory=dict, repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.max_tokens is not None and self.max_tokens < 1:
            raise UsageError(f"max_tokens is {self.max_tokens}, but an answer needs at least 1")
        if said := sorted(OURS & self.extra.keys()):
            raise UsageError(f"extra cannot have {said[0]!r}, which methods, or options of their own, decide")
        try:
            text = json.dumps(self.extra)
        except (TypeError, ValueError) as error:
            raise UsageError(f"extra must be what JSON can say: {error}") from error
        if written := hash_in(text):
            raise UsageError(
                f"extra has {written}, which is written and shown in place of a secret: give the secret itself"
            )

    def __call__(self, request: Request) -> Request:
        """Return the request that is sent instead."""
        messages = request.messages
        if not self.system and not isinstance(messages, str):
            messages = without_system(messages)
        return replace(
            request,
            messages=messages,
            max_tokens=self.max_tokens or request.max_tokens,
            extra={**self.extra, **request.extra},
        )

    def __str__(self) -> str:
        """Return it for the record, '' where nothing is changed; of a secret it has a hash.

        >>> str(Manner(4000, False, {"top_p": 0.9, "stop_when": ["x"]})), str(Manner())
        ('max_tokens=4000, system=no, stop_when=["x"], top_p=0.9', '')
        """
        said = [] if self.max_tokens is None else [f"max_tokens={self.max_tokens}"]
        said += [] if self.system else ["system=no"]
        for name in sorted(self.extra):
            said.append(f"{name}={json.dumps(hidden(self.extra[name], self.secrets, name=name), sort_keys=True)}")
        return ", ".join(said)


def without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return a chat whose instruction stands before the user's first words.

    >>> [m.role for m in without_system((Message("system", "Be brief."), Message("user", "Hi")))]
    ['user']
    """
    instructions = [message.content for message in messages if message.role == "system"]
    rest = [message for message in messages if message.role != "system"]
    first = next((i for i, message in enumerate(rest) if message.role == "user"), None)
    if not instructions or first is None:
        return tuple(Message("user", m.content) if m.role == "system" else m for m in messages)
    rest[first] = Message("user", "\n\n".join([*instructions, rest[first].content]))
    return tuple(rest)


def may_become(manner: str, learnt: str) -> bool:
    """Tell whether a model of a ``manner`` may turn out to be one that leaves parameters out: only asking shows it.

    >>> may_become("", "without seed"), may_become("system=no", "system=no; without seed")
    (True, True)
    >>> may_become("without seed", ""), may_become("", "system=no; without seed")
    (False, False)
    """
    return learnt.startswith(manner) and learnt.removeprefix(manner).removeprefix("; ").startswith("without ")


class AskedInAManner:
    """A model that is asked in a manner, which stands in its info and so in the key of each answer."""

    def __init__(self, inner: ChatModel, manner: Manner, cache_tag: str | None = None) -> None:
        self.inner = inner
        self.manner = manner
        self.cache_tag = str(getattr(inner, "cache_tag", "")) if cache_tag is None else cache_tag

    @property
    def info(self) -> ModelInfo:
        """The inner model's, with the manner."""
        info = self.inner.info
        return replace(info, manner="; ".join(filter(None, (str(self.manner), info.manner))))

    @property
    def left_out(self) -> frozenset[str]:
        """What the inner model leaves out of requests, see ``OpenAIModel``."""
        return frozenset(getattr(self.inner, "left_out", ()))

    def assume(self, left_out: frozenset[str]) -> None:
        """Tell the inner model what it left out when it was last asked, if it is one that learns that."""
        assume = getattr(self.inner, "assume", None)
        if assume is not None:
            assume(left_out)

    def complete(self, request: Request) -> list[Completion]:
        """Return the samples of the request in the manner.

        Raises:
            ModelError: the inner model gave no answer.
        """
        return self.inner.complete(self.manner(request))

    def close(self) -> None:
        """Close the inner model; the next call opens it again."""
        close = getattr(self.inner, "close", None)
        if close is not None:
            close()
