"""Models that others wrote: what they are, and what they answer, is looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from spider_opt import arguments
from spider_opt.errors import ModelError, SpiderOptError
from spider_opt.models.manner import AskedInAManner, Manner
from spider_opt.models.openai.urls import without_secrets
from spider_opt.types import ChatModel, Completion, ModelInfo, Request, Usage

_DUE = "a list of Completion, each with a text, is due"
_KINDS = {"text": str, "usage": Usage, "logprob": float | int | None}


def checked_model(model: object) -> ChatModel:
    """Return a model that was given.

    Raises:
        UsageError: it has no info, or nothing that completes.
    """
    if not is_model(model):
        raise arguments.wrong(
            model, "model", "the name of a model, or one with an info (a ModelInfo) and a function complete(request)"
        )
    return model


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
        super().__init__(model, Manner(), cache_tag)

    @property
    def info(self) -> ModelInfo:
        """The model's, whose name is written down: without what a URL in it must not say."""
        info = super().info
        return replace(info, name=without_secrets(info.name))

    def complete(self, request: Request) -> list[Completion]:
        """Return the model's samples.

        Raises:
            ModelError: it gave no answer: it raised something, or what it returned is none.
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
            for field, kind in _KINDS.items():
                if not isinstance(said := getattr(answer, field), kind):
                    shown = arguments.shown(said)
                    raise ModelError(f"the model {name} returned a Completion whose {field} is {shown} where {_DUE}")
        if len(answers) > request.n:
            raise ModelError(f"the model {name} returned {len(answers)} answers where at most {request.n} are due")
        return list(answers)


class Lent(LookedAt):
    """Leaves the model open when it is closed itself.

    One that has no ``cache_tag`` does not say what its answers depend on, beside the request.
    """

    def __init__(self, model: ChatModel) -> None:
        super().__init__(model)

    def close(self) -> None:
        """Leave the model open."""
