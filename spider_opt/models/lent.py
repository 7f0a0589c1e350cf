"""Models that others wrote: what they are, and what they answer, is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TypeGuard

from spider_opt import arguments
from spider_opt.errors import ModelError, SpiderOptError, UsageError
from spider_opt.kinds import NUMBER, Kind, check_kinds
from spider_opt.models.manner import AskedInAManner, Manner
from spider_opt.models.openai.urls import without_secrets
from spider_opt.types import ChatModel, Completion, ModelInfo, Request, Usage

_DUE = "a list of Completion, each with a text, is due"
_KINDS: Mapping[str, Kind] = {
    "text": str, "usage": Usage, "logprob": (int, float, type(None)), "finish_reason": (str, type(None)),
    "served": (str, type(None)),
}  # fmt: skip
_NUMBERS: Mapping[str, Kind] = {f.name: NUMBER for f in fields(Usage)}


def checked_model(model: object) -> ChatModel:
    """Return a model that was given.

    Raises:
        UsageError: it has no info, or nothing that completes; or what it says of itself is no text.
    """
    if not is_model(model):
        raise arguments.wrong(
            model, "model", "the name of a model, or one with an info (a ModelInfo) and a function complete(request)"
        )
    for one in fields(model.info):
        if not isinstance(said := getattr(model.info, one.name), str):
            raise UsageError(f"the model's info has {arguments.shown(said)} for its {one.name}, but must have text")
    tag_of(model)
    return model


def tag_of(model: object) -> str | None:
    """Return what a model says by its ``cache_tag`` that its answers depend on; None where it says nothing of it.

    Raises:
        UsageError: it says it by what is no text.
    """
    tag = getattr(model, "cache_tag", None)
    if isinstance(tag, bool) or not (tag is None or isinstance(tag, str | int)):
        raise arguments.wrong(tag, "cache_tag", "text that says what the model's answers depend on, or None")
    return None if tag is None else str(tag)


def is_model(thing: object) -> TypeGuard[ChatModel]:
    """Tell whether a thing has what a model has."""
    info, complete = getattr(thing, "info", None), getattr(thing, "complete", None)
    named = isinstance(info, ModelInfo) and isinstance(info.name, str)
    return named and callable(complete) and not isinstance(thing, type)


class LookedAt(AskedInAManner):
    """Asks a ``model`` that others wrote as it is, and looks at what it answers.

    Its ``cache_tag`` is the model's where none is given.
    """

    def __init__(self, model: ChatModel, cache_tag: str | None = None) -> None:
        super().__init__(model, Manner(), (tag_of(model) or "") if cache_tag is None else cache_tag)

    @property
    def info(self) -> ModelInfo:
        """The model's, whose name is written down: without what a URL in it must not say."""
        info = super().info
        return replace(info, name=without_secrets(info.name))

    def complete(self, request: Request) -> list[Completion]:
        """Return the model's samples.

        Raises:
            ModelError: it gave no answer: it raised something, or what it returned is none that can be kept.
        """
        name = self.info.name
        try:
            answers: object = super().complete(request)
        except SpiderOptError:
            raise
        except (Exception, SystemExit) as error:  # whatever goes wrong in there, it is no answer
            raise ModelError(f"the model {name} raised {type(error).__name__}: {error}") from error
        if not isinstance(answers, list | tuple) or not answers:
            raise ModelError(f"the model {name} returned {arguments.shown(answers)} where {_DUE}")
        for answer in answers:
            if not isinstance(answer, Completion):
                raise ModelError(f"the model {name} returned a list with {arguments.shown(answer)} where {_DUE}")
            if said := odd_in(answer):
                raise ModelError(f"the model {name} returned a Completion whose {said} where {_DUE}")
        if len(answers) > request.n:
            raise ModelError(f"the model {name} returned {len(answers)} answers where at most {request.n} are due")
        return list(answers)


def odd_in(answer: Completion) -> str:
    """Say what of an answer is of no kind that a file could be read back with, '' where all is well."""
    for thing, kinds, of, signed in ((answer, _KINDS, "", ("logprob",)), (answer.usage, _NUMBERS, "usage has ", ())):
        for name, kind in kinds.items():
            try:
                check_kinds({name: getattr(thing, name)}, {name: kind}, signed=signed)
            except (TypeError, ValueError):
                said = arguments.shown(getattr(thing, name))
                return f"{of}{said} for its {name}" if of else f"{name} is {said}"
    return ""


class Lent(LookedAt):
    """Leaves the model open when it is closed itself.

    One that has no ``cache_tag`` does not say what its answers depend on, beside the request.
    """

    def __init__(self, model: ChatModel) -> None:
        super().__init__(model)

    def close(self) -> None:
        """Leave the model open."""
