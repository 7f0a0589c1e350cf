"""Whose answers a run has, so that it never goes on with those of another model, nor shows them as its own.

A model that is opened by its name says all of it by its info and its ``cache_tag``, a recording by what is in it. One
that was lent without a ``cache_tag`` is looked into as a function of one's own is (see ``function_identity``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from spider_opt.evaluation.function_identity import ended, identity_of
from spider_opt.models import ReplayModel
from spider_opt.models.lent import tag_of
from spider_opt.runs.describing import hashed
from spider_opt.runs.identity import OWN, RECORDING
from spider_opt.types import ChatModel

_LOOKED_INTO = re.compile(rf"{OWN}[0-9a-f.]*")


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What is noted of a model: the ``cache_tag`` of a run.

    ``unseen`` names what of the model cannot be looked into: another one may then have the same. Where it is not
    ``told``, nobody says what else answers depend on. ``ended`` is called when it has answered.
    """

    cache_tag: str
    told: bool = True
    unseen: tuple[str, ...] = ()
    ended: Callable[[], None] = lambda: None


def model_identity(given: ChatModel | str | None, cache_tag: str) -> ModelIdentity:
    """Return what is noted of a model that was ``given``, or named; ``cache_tag`` is that of the one that is asked."""
    if isinstance(given, ReplayModel):
        return ModelIdentity(f"{RECORDING}{given.contents}")
    if given is None or isinstance(given, str) or tag_of(given) is not None:
        # What was noted of a model without one stands for itself: who gives it that says that it is the same.
        as_noted = not cache_tag or _LOOKED_INTO.fullmatch(cache_tag)
        return ModelIdentity(cache_tag if as_noted else hashed([cache_tag]))
    complete = given.complete
    seen = identity_of(complete)
    return ModelIdentity(f"{OWN}{seen.text(named=False)}", False, seen.unseen, lambda: ended(complete, seen))
