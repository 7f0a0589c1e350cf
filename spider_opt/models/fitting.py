"""Which adapter goes with which model."""

from __future__ import annotations

from collections.abc import Sequence

from spider_opt.errors import UsageError
from spider_opt.models.adapters import Adapter, find_adapter
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.models.lagging import warn_of_lag
from spider_opt.wording import either


def shipped_for(model: str | None = None) -> str:
    """Return the name of the adapter that comes with the package for an embedded model, '' where none does.

    None is the default model. One that is elsewhere is asked in the form of the default one's.

    >>> shipped_for(), shipped_for("qwen2.5-coder-1.5b"), shipped_for("smollm2-135m"), shipped_for("gpt-4.1-nano")
    ('spider', 'spider-1.5b', '', 'spider')
    """
    return CATALOG[model if model in CATALOG else DEFAULT_MODEL].adapter


def own_adapter(model: str | None = None) -> str:
    """Return what ``shipped_for`` does.

    Raises:
        UsageError: none comes for that model.
    """
    if not (adapter := shipped_for(model)):
        have = ", ".join(one.name for one in CATALOG.values() if one.adapter)
        raise UsageError(
            f"No adapter for {model} comes with spider-opt, only for {have}: ask one of these, or name an adapter of "
            "your own, as in finetune:adapter=mine"
        )
    return adapter


def fitting_adapters(names: Sequence[str], model: str | None = None) -> tuple[str | None, list[Adapter]]:
    """Return the embedded model that is asked for, by default the one that adapters are for, and these.

    Raises:
        UsageError: there is no such adapter, or it is for another model.
        WeightsError: an adapter's files are broken.
    """
    found = []
    for adapter in map(find_adapter, names):
        _check_base(adapter, model)
        warn_of_lag(adapter)
        model = adapter.base
        found.append(adapter)
    return model, found


def _check_base(adapter: Adapter, model: str | None) -> None:
    """Make sure that an adapter fits the embedded model that is asked for, if one is."""
    if adapter.hosted:
        url, model = adapter.card["base_url"], adapter.card.get("model")
        where = either(f"model={model!r}, base_url={url!r}", f"--base-url {url} --model {model}")
        raise UsageError(f"{adapter.name!r} was tuned at a provider: name that model, {where}")
    if adapter.base not in CATALOG:
        raise UsageError(f"The adapter {adapter.name!r} is for {adapter.base}, which is no embedded model here")
    if model not in (None, adapter.base):
        its = f"; for that one take {own!r}" if (own := CATALOG[model].adapter if model in CATALOG else "") else ""
        raise UsageError(f"The adapter {adapter.name!r} is for {adapter.base}, and not for {model}{its}")
    if adapter.card["base"].get("sha256") != CATALOG[adapter.base].sha256:
        raise UsageError(f"The adapter {adapter.name!r} is for other weights of {adapter.base} than those in use here")
