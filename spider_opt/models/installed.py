"""Models of other packages, by the entry-point group ``spider_opt.models``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from spider_opt.errors import SpiderOptError, UsageError
from spider_opt.models.lent import LookedAt, is_model, tag_of
from spider_opt.models.openai.keys import masked
from spider_opt.models.openai.wire import MAX_BYTES
from spider_opt.models.secrets import keys_in_use
from spider_opt.plugins import Names, code_in, package_of
from spider_opt.types import ChatModel

ENTRY_POINTS = "spider_opt.models"
NAMES = Names("model", {}, ENTRY_POINTS, "spider-opt models", UsageError)


class OpensAModel(Protocol):
    """What an entry point of the group names: opens the model of that name, or of ``NAME/…``.

    The model's ``info`` says who answers. A ``cache_tag`` says what answers depend on beside that, the request and the
    package's code; for a model without one it is the entry point and the ``base_url``. A ``close`` is called at the
    end.
    """

    def __call__(
        self,
        name: str,
        *,
        base_url: str | None,
        api_key: str | None,
        headers: Mapping[str, str] | None,
        timeout_s: float,
        logprobs: bool,
    ) -> ChatModel:
        """Open a model; the keywords are those of ``models.open``, always all of them.

        Raises:
            SpiderOptError: it cannot be opened; one sentence says why.
        """


@dataclass(frozen=True, slots=True)
class Access:
    """Where a model is asked, and how: the keywords of ``OpensAModel``, and how much is read of an answer."""

    base_url: str | None
    api_key: str | None
    headers: Mapping[str, str] | None
    timeout_s: float
    logprobs: bool
    max_bytes: int = MAX_BYTES


def is_installed(name: str) -> bool:
    """Tell whether another package has a model of this name."""
    return _key(name) in NAMES.import_paths()


def open_installed(name: str, access: Access) -> ChatModel:
    """Open another package's model; one that is broken harms nobody who does not ask for it.

    Raises:
        UsageError: the package cannot be loaded, two claim the name, or what it makes is no model.
        SpiderOptError: what the package says.
    """
    place, make = NAMES.load(_key(name))
    try:
        model = cast(OpensAModel, make)(
            name,
            base_url=access.base_url,
            api_key=access.api_key,
            headers=access.headers,
            timeout_s=access.timeout_s,
            logprobs=access.logprobs,
        )
        if not is_model(model):
            raise TypeError(f"{model!r} is no model: it needs an info and complete")
    except SpiderOptError:
        raise
    except (Exception, SystemExit) as error:  # whatever an installed package does wrong
        said = masked(repr(error), [access.api_key or "", *(access.headers or {}).values(), *keys_in_use()])
        raise UsageError(f"model {name!r} ({place}) cannot be opened: {said}") from error
    asked = f"{place} {access.base_url or ''}".strip() + (" logprobs" if access.logprobs else "")
    tag = tag_of(model)
    return LookedAt(model, f"{asked if tag is None else tag} code {code_in(package_of(make))}")


def _key(name: str) -> str:
    places = NAMES.import_paths()
    return name if name in places else name.partition("/")[0]
