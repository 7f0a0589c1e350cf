"""Make an adapter that was tuned here one of those that come with the package, compact (``spider_opt.models.compact``).

    python scripts/ship_adapter.py mine spider-1.5b --note "Where it comes from."

Writes spider_opt/models/adapters/NAME with its card, and says how much rounding changes. What is asked then is the
rounded one: its hash is another than the original's, so runs are made with it. ``CATALOG`` names the one that
``finetune`` takes.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch

from spider_opt.models import compact
from spider_opt.models.adapters import FILE, LEARNT, SHIPPED, find_adapter, write_card
from spider_opt.models.torch.gguf import read_gguf, write_gguf
from spider_opt.paths import file_hash

MOST_BYTES = 25_000_000


@click.command()
@click.argument("adapter")
@click.argument("name")
@click.option("--note", default="", help="What its card says of where it comes from")
@click.option("--learnt-as", metavar="NAME", help="Its card does not say what it learnt: the same as this one did")
def main(adapter: str, name: str, note: str, learnt_as: str | None) -> None:
    """Write ADAPTER, a name or a folder, into the package as NAME."""
    found = find_adapter(adapter)
    if found.path is None:
        sys.exit(f"{adapter} was tuned at a provider")
    said_by = found if learnt_as is None else find_adapter(learnt_as)
    if said_by.learnt_databases is None or said_by.learnt_questions is None:
        sys.exit(f"{said_by.name} does not say what it learnt")
    same, its = ("source", "fingerprint", "questions", "databases"), found.card.get("data") or {}
    if said_by is not found and any(key not in its or said_by.card["data"].get(key) != its[key] for key in same):
        sys.exit(f"{said_by.name} did not learn the same")
    folder, learnt = SHIPPED / name, read_gguf(found.path)
    with TemporaryDirectory() as away:
        made, whole = Path(away) / compact.FILE, Path(away) / FILE
        write_gguf(whole, learnt.weights, architecture=learnt.architecture, alpha=learnt.alpha, name=name)
        compact.pack(whole, made)
        sha256 = compact.write(made, whole)
        rounded = read_gguf(whole)
        if made.stat().st_size > MOST_BYTES:
            sys.exit(f"{made.stat().st_size:,} bytes are more than {MOST_BYTES:,}")
        folder.mkdir(exist_ok=True)
        shutil.copy(made, folder / compact.FILE)
    if said_by.folder.resolve() != folder.resolve():
        shutil.copy(said_by.folder / LEARNT, folder / LEARNT)
    card = {**found.card, "name": name, "sha256": sha256, "compact_sha256": file_hash(folder / compact.FILE)}
    card["data"] = {**its, "db_ids": sorted(said_by.learnt_databases)}
    card |= {"rounded_from": found.sha256, "results": []} | ({"note": note} if note else {})
    write_card(folder, card)
    (folder / FILE).unlink(missing_ok=True)  # it would be taken in place of the compact one
    print(f"{folder}: {made_size(folder):,} bytes, {sha256}")
    tell(learnt.weights, rounded.weights)


def made_size(folder: Path) -> int:
    """Return what the folder takes."""
    return sum(file.stat().st_size for file in folder.iterdir())


def tell(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> None:
    """Say by how much rounding changes each matrix, and the product of each layer's two."""
    off = [float((after[name] - weight).norm() / weight.norm()) for name, weight in before.items()]
    print(f"matrices: off by {sum(off) / len(off):.2%} of their norm in the mean, {max(off):.2%} at most")
    products = []
    for name, a in before.items():
        if ".lora_A." in name:
            other = name.replace(".lora_A.", ".lora_B.")
            whole = before[other] @ a
            products.append(float((after[other] @ after[name] - whole).norm() / whole.norm()))
    print(f"layers: off by {sum(products) / len(products):.2%} in the mean, {max(products):.2%} at most")


if __name__ == "__main__":
    main()
